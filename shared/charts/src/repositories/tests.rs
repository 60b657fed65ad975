//! Helm's repositories.yaml: where it is, which entry counts, what is said of a broken one.

use std::fs;

use super::*;

const URL: &str = "https://charts.example.org/stable";

/// Asks a file with this content for a repository.
fn ask(content: &str, url: &str) -> Result<Answer, RepositoriesError> {
    find(content.as_bytes(), Path::new("/h/repositories.yaml"), &Url::parse(url).unwrap())
}

fn known(content: &str, url: &str) -> Option<Known> {
    match ask(content, url).unwrap() {
        Answer::Known(known) => Some(*known),
        Answer::None(_) => None,
    }
}

fn user(known: &Known) -> Option<(&str, &str)> {
    known.user.as_ref().map(|(name, password)| (name.as_str(), password.expose()))
}

#[test]
fn the_file_is_found_as_helm_finds_it() {
    let path = |variables: &[(&str, &str)]| {
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let file = RepositoriesFile::from_environment(&environment);
        file.path.map(|path| path.display().to_string())
    };
    let home = ("HOME", "/h");
    let check = |variables: &[(&str, &str)], expected: &str| {
        assert_eq!(path(variables).as_deref(), Some(expected));
    };
    check(&[home], "/h/.config/helm/repositories.yaml");
    check(&[home, ("XDG_CONFIG_HOME", "/x")], "/x/helm/repositories.yaml");
    let helm = ("HELM_CONFIG_HOME", "/c");
    check(&[home, ("XDG_CONFIG_HOME", "/x"), helm], "/c/repositories.yaml");
    check(&[home, helm, ("HELM_REPOSITORY_CONFIG", "/r.yaml")], "/r.yaml");
    check(
        &[home, ("HELM_REPOSITORY_CONFIG", ""), ("XDG_CONFIG_HOME", "")],
        "/h/.config/helm/repositories.yaml",
    );
    assert_eq!(path(&[]), None);
}

#[test]
fn what_helm_writes_is_read() {
    let file = "apiVersion: \"\"\ngenerated: \"0001-01-01T00:00:00Z\"\nrepositories:\n- caFile: /ca.pem\n  certFile: /c.pem\n  insecure_skip_tls_verify: true\n  keyFile: /c.key\n  name: private\n  pass_credentials_all: true\n  password: hunter2\n  url: https://charts.example.org/stable\n  username: me\n";
    let known = known(file, URL).unwrap();
    assert_eq!(known.entry.name, "private");
    assert_eq!(user(&known), Some(("me", "hunter2")));
    assert_eq!(known.authorities.as_deref(), Some(Path::new("/ca.pem")));
    assert_eq!(known.identity, Some(("/c.pem".into(), "/c.key".into())));
    assert!(known.skips_verification && known.passes_credentials);
    assert!(!format!("{known:?}").contains("hunter2"));
}

/// Whether an entry with this URL is that of a repository with the other.
#[track_caller]
fn check_match(entry: &str, repository: &str, expected: bool) {
    let file = format!("repositories: [{{name: a, url: '{entry}'}}]");
    assert_eq!(known(&file, repository).is_some(), expected, "{entry} {repository}");
}

#[test]
fn repositories_are_matched_by_their_urls() {
    check_match(URL, URL, true);
    check_match(URL, &format!("{URL}/"), true);
    check_match(&format!("{URL}/"), URL, true);
    check_match("https://Charts.Example.ORG/stable", URL, true);
    check_match("https://charts.example.org:443/stable", URL, true);
    check_match("https://me:pw@charts.example.org/stable", URL, true);
    check_match("https://charts.example.org", "https://charts.example.org/", true);
    check_match("https://charts.example.org/Stable", URL, false);
    check_match("http://charts.example.org/stable", URL, false);
    check_match("https://charts.example.org:8443/stable", URL, false);
    check_match("https://charts.example.org/stable/x", URL, false);
    check_match("https://charts.example.org/stable?a=b", URL, false);
    check_match("no url", URL, false);
    check_match("", URL, false);
}

#[test]
fn the_first_entry_with_the_url_counts() {
    let file = format!(
        "repositories:\n- ~\n- {{name: other, url: https://other.example.org}}\n- {{name: first, url: '{URL}', username: a, password: b}}\n- {{name: second, url: '{URL}'}}\n"
    );
    let known = known(&file, URL).unwrap();
    assert_eq!((known.entry.name.as_str(), user(&known)), ("first", Some(("a", "b"))));
}

#[test]
fn a_user_has_a_name_and_a_password() {
    let check = |fields: &str, expected: Option<(&str, &str)>| {
        let file = format!("repositories: [{{name: a, url: '{URL}', {fields}}}]");
        assert_eq!(user(&known(&file, URL).unwrap()), expected, "{fields}");
    };
    check("username: me, password: pw", Some(("me", "pw")));
    check("username: me, password: 12345", Some(("me", "12345")));
    check("username: me", None);
    check("password: pw", None);
    check("username: '', password: pw", None);
    let entry = "repositories: [{name: a, url: 'https://m%40e:p%3Aw@charts.example.org/stable'}]";
    assert_eq!(user(&known(entry, URL).unwrap()), Some(("m@e", "p:w")));
}

#[test]
fn a_certificate_needs_its_key() {
    let check = |field: &str, missing: &str| {
        let file = format!("repositories: [{{name: a, url: '{URL}', {field}: /c.pem}}]");
        let error = ask(&file, URL).unwrap_err();
        let expected =
            format!("repository `a` in /h/repositories.yaml has {field} and no {missing}");
        assert_eq!(error.to_string(), expected);
    };
    check("certFile", "keyFile");
    check("keyFile", "certFile");
    // Another repository's is not asked for.
    let file = "repositories: [{url: 'https://other.example.org', certFile: /c.pem}]";
    assert!(known(file, URL).is_none());
}

#[test]
fn a_file_that_knows_nothing_is_none() {
    for content in ["", "apiVersion: v1\n", "repositories:\n", "repositories: []\n", "---\n"] {
        assert!(known(content, URL).is_none(), "{content}");
    }
}

/// A file that is wrong, and what is said of it: never a value.
#[track_caller]
fn check(content: &str, expected: &str) {
    let error = ask(content, URL).unwrap_err();
    let source = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
    let text = format!("{error}: {source}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_is_wrong_with_a_file_is_named_without_what_is_in_it() {
    check("[hunter2]", "`the document` of /h/repositories.yaml is a list, not a mapping");
    check("repositories: hunter2", "`repositories` of /h/repositories.yaml is text, not a list");
    check(
        "repositories: [hunter2]",
        "`repositories[0]` of /h/repositories.yaml is text, not a mapping",
    );
    check(
        "repositories: [{url: [hunter2]}]",
        "`repositories[0].url` of /h/repositories.yaml is a list, not text",
    );
    let with = |fields: &str| format!("repositories: [{{url: '{URL}', {fields}}}]");
    check(
        &with("password: {hunter2: x}"),
        "`repositories[0].password` of /h/repositories.yaml is a mapping",
    );
    check(&with("pass_credentials_all: hunter2"), "is text, not a boolean");
    check("password: hunter2\n- x", "/h/repositories.yaml is no YAML: ");
    check("password: \"hunter2", "/h/repositories.yaml is no YAML: ");
    check("password: *hunter", "/h/repositories.yaml is no YAML: ");
}

#[tokio::test]
async fn files_are_read_within_bounds() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("repositories.yaml");
    let file = RepositoriesFile { path: Some(path.clone()) };
    let url = Url::parse(URL).unwrap();
    assert!(matches!(file.ask(&url).await.unwrap(), Answer::None(NoEntry::NoFile { .. })));
    let none = RepositoriesFile::default();
    assert!(matches!(none.ask(&url).await.unwrap(), Answer::None(NoEntry::NoPath)));
    fs::write(&path, format!("repositories: [{{url: '{URL}'}}]")).unwrap();
    assert!(matches!(file.ask(&url).await.unwrap(), Answer::Known(_)));
    fs::write(&path, "#".repeat(MAX_FILE_BYTES + 1)).unwrap();
    let error = file.ask(&url).await.unwrap_err();
    assert!(matches!(error, RepositoriesError::TooLarge { .. }), "{error}");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = file.ask(&url).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read "), "{error}");
    let below = RepositoriesFile { path: Some(folder.path().join("repositories.yaml/x/y")) };
    assert!(matches!(below.ask(&url).await.unwrap(), Answer::None(NoEntry::NoFile { .. })));
}
