//! Charts of Helm repositories, and where their archives are.
//!
//! No secret travels: a URL with a user in it is refused where it is read.

use mirror_model::Chart;

use crate::Invalid;
use crate::path::At;
use crate::text::name_from;
use crate::wire::job::v1 as wire;

/// The URLs of one archive: an index is read to no more.
const MAX_URLS: usize = 8;
/// The longest of them, likewise.
const MAX_URL_BYTES: usize = 8 << 10;

pub(crate) fn chart_to(chart: &Chart) -> wire::Chart {
    wire::Chart { repository: chart.repository.clone(), name: chart.name.clone() }
}

pub(crate) fn chart_from(chart: wire::Chart) -> Result<Chart, Invalid> {
    let repository = name_from(chart.repository).at("repository")?;
    has_no_user(&repository).at("repository")?;
    Ok(Chart { name: name_from(chart.name).at("name")?, repository })
}

/// Reads the field `urls`.
pub(crate) fn urls_from(urls: Vec<String>) -> Result<Vec<String>, Invalid> {
    check_urls(&urls)?;
    Ok(urls)
}

/// Refuses what no reader takes, as the field `urls`: whoever writes asks too, since what cannot be read
/// again must not get into a log.
pub(crate) fn check_urls(urls: &[String]) -> Result<(), Invalid> {
    if urls.len() > MAX_URLS {
        let reason = format!("there are {}, of {MAX_URLS} at most", urls.len());
        return Err(Invalid::value(reason)).at("urls");
    }
    for (index, url) in urls.iter().enumerate() {
        let fits = match url.len() {
            0 => Err(Invalid::absent()),
            size if size > MAX_URL_BYTES => {
                Err(Invalid::TooLarge { field: String::new(), size, most: MAX_URL_BYTES })
            }
            _ => has_no_user(url),
        };
        fits.at_item("urls", index)?;
    }
    Ok(())
}

/// Refuses a URL with a user; what is relative has none.
fn has_no_user(url: &str) -> Result<(), Invalid> {
    let Some((scheme, rest)) = url.split_once("//") else { return Ok(()) };
    if !scheme.is_empty() && !scheme.ends_with(':') {
        return Ok(());
    }
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Invalid::value("a user or password does not travel"));
    }
    Ok(())
}
