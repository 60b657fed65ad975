//! URLs of chart repositories and archives: resolved as Helm does, and shown without what is secret.

use url::{Position, Url};

/// What is shown of a URL that cannot be used.
const SHOWN_CHARS: usize = 160;

/// Returns a URL without user, password, query and fragment: what may be shown of it.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// Returns a URL of an index without a user and password, since nothing that we hand on has any; `None`
/// where it is none.
///
/// It is judged as it will be resolved, below whatever repository. One that has no `@` stays as it is
/// written, and one that names no host can have no user.
pub(crate) fn without_user(text: &str) -> Option<String> {
    let below = |base: &str| resolve(&Url::parse(base).ok()?, text).ok();
    let (mut url, other) = (below("https://a.invalid/")?, below("https://b.invalid/")?);
    if url != other || !text.contains('@') {
        return Some(text.to_owned());
    }
    if url.has_authority() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    match Url::parse(text) {
        Ok(_) => Some(url.into()),
        // It takes the repository's scheme.
        Err(_) => Some(format!("//{}", &url[Position::BeforeHost..])),
    }
}

/// Returns what may be shown of a URL that cannot be used, and perhaps not be read either: its scheme, and
/// what no user, password or query can be in.
pub(crate) fn start_shown(text: &str) -> String {
    let is_query = |character| matches!(character, '?' | '#');
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one));
    let scheme = if scheme.is_empty() || !is_scheme { "" } else { &text[..scheme.len() + 3] };
    let shown = match text.rsplit_once('@') {
        // A password may have these in it, and a query an `@`.
        Some((before, _)) if before.contains(is_query) => format!("{scheme}..."),
        Some((_, rest)) => format!("{scheme}...{rest}"),
        None => text.to_owned(),
    };
    let shown = shown.split(is_query).next().unwrap_or_default();
    shown.chars().take(SHOWN_CHARS).collect()
}

/// Resolves what stands in a repository's index: below the repository, and with its query where it has
/// one, where it is no URL of its own. The query is for nobody but the repository's own origin.
pub(crate) fn resolve(repository: &Url, reference: &str) -> Result<Url, url::ParseError> {
    match Url::parse(reference) {
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        parsed => return parsed,
    }
    let mut base = repository.clone();
    base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
    let mut resolved = base.join(reference)?;
    if let Some(query) = repository.query()
        && resolved.origin() == repository.origin()
    {
        resolved.set_query(Some(query));
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        check("https://a.example/c", "app.tgz?y=1", "https://a.example/c/app.tgz?y=1");
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
    fn the_query_of_a_repository_stays_with_its_origin() {
        const REPOSITORY: &str = "https://a.example/c?token=x";
        check(REPOSITORY, "//b.example/app.tgz", "https://b.example/app.tgz");
        check(REPOSITORY, "\\\\b.example/app.tgz?y=1", "https://b.example/app.tgz?y=1");
        check(REPOSITORY, "//a.example:8443/app.tgz", "https://a.example:8443/app.tgz");
        check(REPOSITORY, "//a.example/app.tgz", "https://a.example/app.tgz?token=x");
    }

    #[test]
    fn nothing_secret_of_a_url_is_shown() {
        let url = Url::parse("https://me:hunter2@a.example/app.tgz?sig=hunter2#hunter2").unwrap();
        assert_eq!(shown(&url), "https://a.example/app.tgz");
    }

    #[test]
    fn urls_of_an_index_have_no_user() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_user(text).as_deref().unwrap_or("none"), expected, "{text}");
        }
        check("charts/app.tgz", "charts/app.tgz");
        check("charts//app@1.0.0.tgz", "charts//app@1.0.0.tgz");
        check("https://a.example/b c", "https://a.example/b c");
        check("//a.example/app.tgz", "//a.example/app.tgz");
        check("https://me:hunter2@a.example/x?y", "https://a.example/x?y");
        check("https://@a.example/x", "https://a.example/x");
        check("https:me:hunter2@a.example/x", "https://a.example/x");
        check("ht\ttps://me@a.example/x", "https://a.example/x");
        check("//me@a.example:81/app.tgz?y", "//a.example:81/app.tgz?y");
        check("//@a.invalid/app.tgz", "//a.invalid/app.tgz");
        check(" \\/me:hunter2@a.example/x@1", "//a.example/x@1");
        check("oci://me:hunter2@r.example/app", "oci://r.example/app");
        check("oci://r.example/app@sha256:00", "oci://r.example/app@sha256:00");
        check("mailto:me@a.example", "mailto:me@a.example");
        check("https://me:hunter2@a.example:99999/a.tgz", "none");
        check("https://robot:hunter/2@a.example/app.tgz", "none");
        check("//me:hunter2@a.example:x/app.tgz", "none");
        check("oci://me:hunter2@r.example:x/app", "none");
        check("https://", "none");
    }

    #[test]
    fn of_what_is_no_url_nothing_secret_is_shown() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(start_shown(text), expected, "{text}");
        }
        check("ftp://a.example/x?sig=hunter2", "ftp://a.example/x");
        check("https://robot:hunter/2@a.example/x?y", "https://...a.example/x");
        check("https://me:hunter@2@a.example:99999/x", "https://...a.example:99999/x");
        check("https://me:hunter?2@a.example:99999/x", "https://...");
        check("https://a.example:99999/x?sig=hunter@2", "https://...");
        check("//me:hunter2@a.example:x/y", "...a.example:x/y");
        check("me:hunter://2@a.example:x/y", "...a.example:x/y");
        check(&"x".repeat(1000), &"x".repeat(160));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is handed on has no user below any repository, and leads where it led.
        #[test]
        fn no_user_is_left(text in "(https?:|oci:|me|pw|h|//|[/\\\\@:?#. \t]|:8?1?|x){0,9}") {
            let Some(kept) = without_user(&text) else { return Ok(()) };
            for base in ["https://a.example/c", "http://b.example"] {
                let base = Url::parse(base).unwrap();
                let (before, after) = (resolve(&base, &text), resolve(&base, &kept).unwrap());
                prop_assert!(after.username().is_empty() && after.password().is_none());
                let mut before = before.unwrap();
                let _ = (before.set_username(""), before.set_password(None));
                prop_assert_eq!(before, after);
            }
            // Nor for who takes it apart by hand.
            let kept = kept.replace('\t', "");
            let kept = kept.trim_start();
            let rest = kept.trim_start_matches(['/', '\\']);
            let is_absolute = Url::parse(kept).is_ok_and(|url| url.has_host());
            let authority = match kept.split_once("//") {
                _ if rest.len() + 2 <= kept.len() => rest,
                Some((_, rest)) if is_absolute => rest,
                Some(_) | None => "",
            };
            prop_assert!(!authority.split(['/', '\\', '?', '#']).next().unwrap().contains('@'));
        }
    }
}
