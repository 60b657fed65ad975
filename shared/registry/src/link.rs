//! The `Link` header: where the next page of a listing is (RFC 8288).

use mirror_transport::header::{HeaderMap, LINK};
use url::Url;

/// Returns the URL of the next page, resolved against that of this one.
pub(crate) fn next(headers: &HeaderMap, this: &Url) -> Option<Url> {
    let values = headers.get_all(LINK).iter();
    let mut links = values.filter_map(|value| value.to_str().ok());
    let target = links.find_map(next_of)?;
    this.join(&target).ok()
}

/// Reads `<target>; rel="next"`, possibly among other links.
fn next_of(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        let end = begin + rest[begin..].find('>')?;
        let target = &rest[begin + 1..end];
        let after = &rest[end + 1..];
        let parameters = &after[..after.find('<').unwrap_or(after.len())];
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let this = Url::parse("https://r/v2/a/tags/list?n=2").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LINK, text.parse().unwrap());
        assert_eq!(next(&headers, &this).as_ref().map(Url::as_str), expected, "{text}");
    }

    #[test]
    fn finds_the_next_page() {
        check(
            "</v2/a/tags/list?n=2&last=b>; rel=\"next\"",
            Some("https://r/v2/a/tags/list?n=2&last=b"),
        );
        check("<https://o/x>; rel=next", Some("https://o/x"));
        check("<?last=b>; rel=\"next\"", Some("https://r/v2/a/tags/list?last=b"));
        check("<x>; rel=\"prev\", <y>; rel=\"next\"", Some("https://r/v2/a/tags/y"));
        check("<x>; title=\"a\"; Rel=\"last next\"", Some("https://r/v2/a/tags/x"));
        check("<x>; rel=\"prev\"", None);
        check("<x", None);
        check("next", None);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "(<|>|;|rel=|next|\"| |,|é|x){0,30}") {
            let _ = next_of(&text);
        }
    }
}
