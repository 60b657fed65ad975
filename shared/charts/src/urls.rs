//! URLs of chart repositories and archives: resolved as Helm does, and shown without what is secret.

use url::Url;

/// Returns a URL without user, password, query and fragment: what may be shown of it.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// Returns a URL as it stands in an index without a user and password: nothing that we hand on has any.
pub(crate) fn without_user(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.into()
        }
        Ok(_) | Err(_) => text.to_owned(),
    }
}

/// Resolves what stands in a repository's index: below the repository, and with its query, where it is
/// no URL of its own.
pub(crate) fn resolve(repository: &Url, reference: &str) -> Result<Url, url::ParseError> {
    match Url::parse(reference) {
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        parsed => return parsed,
    }
    let mut base = repository.clone();
    base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
    let mut resolved = base.join(reference)?;
    resolved.set_query(repository.query());
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(repository: &str, reference: &str, expected: &str) {
        let repository = Url::parse(repository).unwrap();
        let resolved = resolve(&repository, reference).map_or("none".to_owned(), String::from);
        assert_eq!(resolved, expected);
    }

    #[test]
    fn references_are_resolved_below_the_repository() {
        check("https://a.example/charts", "app.tgz", "https://a.example/charts/app.tgz");
        check("https://a.example/charts/", "app.tgz", "https://a.example/charts/app.tgz");
        check("https://a.example", "charts/app.tgz", "https://a.example/charts/app.tgz");
        check("https://a.example/b/c", "../app.tgz", "https://a.example/b/app.tgz");
        check("https://a.example/charts", "/app.tgz", "https://a.example/app.tgz");
        check("https://a.example/charts", "//b.example/app.tgz", "https://b.example/app.tgz");
        check("https://a.example/c?token=x", "app.tgz", "https://a.example/c/app.tgz?token=x");
        check("https://a.example/c?token=x", "app.tgz?y=1", "https://a.example/c/app.tgz?token=x");
        check(
            "https://a.example/c?token=x",
            "https://b.example/a.tgz?y=1",
            "https://b.example/a.tgz?y=1",
        );
        check("https://a.example/charts", "oci://r.example/app:1", "oci://r.example/app:1");
        check("https://a.example/charts", "https://", "none");
    }

    #[test]
    fn nothing_secret_of_a_url_is_shown() {
        let url = Url::parse("https://me:hunter2@a.example/app.tgz?sig=hunter2#hunter2").unwrap();
        assert_eq!(shown(&url), "https://a.example/app.tgz");
        assert_eq!(without_user("https://me:hunter2@a.example/x?y"), "https://a.example/x?y");
        assert_eq!(without_user("charts/app.tgz"), "charts/app.tgz");
        assert_eq!(without_user("oci://me:pw@r.example/app"), "oci://r.example/app");
    }
}
