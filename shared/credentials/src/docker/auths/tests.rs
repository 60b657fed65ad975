//! Which entry is for which repository, and what it says.

use proptest::prelude::*;

use super::*;

/// Says in words who is asked, and what the entries hold.
fn asked(file: &str, host: &str, repository: &str) -> String {
    let file = LoginFile::parse(file.as_bytes()).unwrap();
    let (host, repository) = (host.parse().unwrap(), repository.parse().unwrap());
    let words: Vec<String> = file
        .candidates(&host, &repository)
        .iter()
        .map(|candidate| match candidate {
            Candidate::Helper(Question { helper, server }) => format!("{helper} of {server}"),
            Candidate::Entry(login) => match login.credential() {
                Ok(credential) => shown(&credential),
                Err(error) => error.to_string(),
            },
        })
        .collect();
    words.join(", ")
}

fn shown(credential: &Credential) -> String {
    match credential {
        Credential::Anonymous => "anonymous".to_owned(),
        Credential::Bearer(token) => format!("bearer {}", token.expose()),
        Credential::Basic { username, password } => format!("{username}:{}", password.expose()),
        Credential::IdentityToken { username, token } => {
            format!("{username}: identity {}", token.expose())
        }
        Credential::RegistryToken(token) => format!("registry {}", token.expose()),
    }
}

/// A file whose entries' registry tokens are their own keys: which keys are for the repository?
#[track_caller]
fn check_key(keys: &[&str], (host, repository): (&str, &str), expected: Option<&str>) {
    let auths: serde_json::Map<_, _> = keys
        .iter()
        .map(|key| ((*key).to_owned(), serde_json::json!({ "registrytoken": key })))
        .collect();
    let file = serde_json::json!({ "auths": auths }).to_string();
    let asked = asked(&file, host, repository);
    let first = asked.split(", ").next().filter(|first| !first.is_empty());
    let expected = expected.map(|key| format!("registry {key}"));
    assert_eq!(first, expected.as_deref(), "{host}/{repository} in {keys:?}");
}

#[test]
fn the_most_specific_key_wins() {
    let keys = ["ghcr.io", "ghcr.io/flux", "ghcr.io/flux/app", "localhost:5000", "a.io/b/"];
    check_key(&keys, ("ghcr.io", "flux/app"), Some("ghcr.io/flux/app"));
    check_key(&keys, ("ghcr.io", "flux/app/part"), Some("ghcr.io/flux/app"));
    check_key(&keys, ("ghcr.io", "flux/apple"), Some("ghcr.io/flux"));
    check_key(&keys, ("ghcr.io", "flux"), Some("ghcr.io/flux"));
    check_key(&keys, ("ghcr.io", "fluxcd/app"), Some("ghcr.io"));
    check_key(&keys, ("GHCR.io", "other"), Some("ghcr.io"));
    check_key(&keys, ("localhost:5000", "x"), Some("localhost:5000"));
    check_key(&keys, ("localhost", "x"), None);
    check_key(&keys, ("localhost:5001", "x"), None);
    check_key(&keys, ("io", "x"), None);
    check_key(&keys, ("a.io", "b/c"), Some("a.io/b/"));
    check_key(&keys, ("a.io", "c"), None);
    check_key(&[], ("ghcr.io", "x"), None);
}

#[test]
fn docker_hub_has_many_names() {
    let url = "https://index.docker.io/v1/";
    for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        for key in ["docker.io", "index.docker.io", "registry-1.docker.io", url] {
            check_key(&[key], (host, "library/alpine"), Some(key));
        }
        check_key(&["docker.io", "index.docker.io", url], (host, "flux/app"), Some(url));
        check_key(&["https://docker.io", "docker.io"], (host, "flux/app"), Some("docker.io"));
        check_key(&["docker.io/flux", url], (host, "flux/app"), Some("docker.io/flux"));
        check_key(&["docker.io/flux", url], (host, "library/alpine"), Some(url));
    }
    check_key(&[url], ("ghcr.io", "x"), None);
}

#[test]
fn keys_that_docker_once_wrote_are_read() {
    for key in [
        "https://a.io",
        "https://a.io/",
        "http://a.io",
        "https://a.io/v1/",
        "https://a.io/v2/",
        "https://a.io/v1",
        "a.io/v1/",
        "a.io/v2/",
        "a.io/",
    ] {
        check_key(&[key], ("a.io", "b/c"), Some(key));
        check_key(&[key, "a.io"], ("a.io", "b/c"), Some("a.io"));
        check_key(&[key], ("a.io:5000", "b/c"), None);
    }
    check_key(&["https://a.io:5000/v2/"], ("a.io:5000", "b"), Some("https://a.io:5000/v2/"));
    check_key(&["a.io/v1"], ("a.io", "b"), None);
    check_key(&["a.io/v1"], ("a.io", "v1/b"), Some("a.io/v1"));
    for key in ["", "/", "https://", "://a.io", "user@a.io", "a.io?x", "*.io"] {
        check_key(&[key], ("a.io", "b"), None.or((key == "://a.io").then_some(key)));
    }
}

#[track_caller]
fn check_entry(entry: &str, expected: &str) {
    let file = format!(r#"{{"auths": {{"a.io": {entry}}}, "credsStore": "store"}}"#);
    assert_eq!(asked(&file, "a.io", "b"), expected, "{entry}");
}

#[test]
fn an_entry_says_how() {
    let helper = "store of a.io";
    check_entry("{}", helper);
    check_entry("null", helper);
    check_entry(r#"{"auth": "", "email": "me@a.io", "username": "", "password": ""}"#, helper);
    check_entry(r#"{"auth": null, "identitytoken": null}"#, helper);
    // base64 of `me:pw`, `me:p:w:`, `me:pw` and zeros, `me:`, `robot$x+y:pw`
    check_entry(r#"{"auth": "bWU6cHc="}"#, &format!("{helper}, me:pw"));
    check_entry(r#"{"auth": "bWU6cHc"}"#, &format!("{helper}, me:pw"));
    check_entry(r#"{"auth": " bWU6\ncHc=\n"}"#, &format!("{helper}, me:pw"));
    check_entry(r#"{"auth": "bWU6cDp3Og=="}"#, &format!("{helper}, me:p:w:"));
    check_entry(r#"{"auth": "bWU6cHcAAAA="}"#, &format!("{helper}, me:pw"));
    check_entry(r#"{"auth": "bWU6"}"#, &format!("{helper}, me:"));
    check_entry(r#"{"auth": "cm9ib3QkeCt5OnB3"}"#, &format!("{helper}, robot$x+y:pw"));
    check_entry(r#"{"username": "me", "password": "pw"}"#, &format!("{helper}, me:pw"));
    check_entry(
        r#"{"auth": "bWU6cHc=", "username": "you", "password": "old"}"#,
        &format!("{helper}, me:pw"),
    );
    check_entry(r#"{"identitytoken": "t"}"#, &format!("{helper}, : identity t"));
    check_entry(r#"{"auth": "bWU6", "identitytoken": "t"}"#, &format!("{helper}, me: identity t"));
    check_entry(
        r#"{"registrytoken": "r", "identitytoken": "t", "auth": "bWU6cHc="}"#,
        &format!("registry r, {helper}"),
    );
}

#[test]
fn an_entry_that_says_nothing_sensible_is_an_error() {
    let auth = "store of a.io, `auth` of `a.io` is not the base64 of `user:password`";
    check_entry(r#"{"auth": "bWU"}"#, auth);
    check_entry(r#"{"auth": "!!"}"#, auth);
    check_entry(r#"{"auth": "//79Og=="}"#, auth);
    check_entry(r#"{"auth": "bWU", "identitytoken": "t"}"#, auth);
    let half = "store of a.io, the entry `a.io` has only one of username and password";
    check_entry(r#"{"username": "me"}"#, half);
    check_entry(r#"{"password": "pw"}"#, half);
}

#[track_caller]
fn check_helper(file: &str, host: &str, expected: &str) {
    assert_eq!(asked(file, host, "flux/app"), expected, "{host} in {file}");
}

#[test]
fn helpers_are_asked_by_the_key_of_the_login() {
    let file = r#"{"credHelpers": {"a.io": "one", "b.io": "", "c.io": null, "https://d.io": "four",
        "e.io:5000": "five", "f.io/ns": "six", "docker.io": "hub"}, "credsStore": "store"}"#;
    check_helper(file, "a.io", "one of a.io");
    check_helper(file, "b.io", "");
    check_helper(file, "c.io", "");
    check_helper(file, "d.io", "four of https://d.io");
    check_helper(file, "e.io:5000", "five of e.io:5000");
    check_helper(file, "e.io", "store of e.io");
    check_helper(file, "f.io", "store of f.io");
    check_helper(file, "index.docker.io", "hub of docker.io");
    let hub = r#"{"credHelpers": {"docker.io": "a", "https://index.docker.io/v1/": "b"}}"#;
    check_helper(hub, "docker.io", "b of https://index.docker.io/v1/");
    check_helper(hub, "a.io", "");
    let hub = r#"{"credHelpers": {"https://index.docker.io/v1/": "b", "index.docker.io": "c"}}"#;
    check_helper(hub, "docker.io", "b of https://index.docker.io/v1/");
    check_helper(r#"{"credsStore": "store"}"#, "docker.io", "store of https://index.docker.io/v1/");
    check_helper(r#"{"credsStore": ""}"#, "a.io", "");
}

#[test]
fn a_namespace_goes_before_the_helper_and_the_host_after_it() {
    let file = r#"{"auths": {"a.io": {"auth": "bWU6cHc="}, "a.io/flux": {"auth": "bnM6cHc="}},
        "credHelpers": {"a.io": "one"}}"#;
    check_helper(file, "a.io", "ns:pw, one of a.io, me:pw");
    assert_eq!(asked(file, "a.io", "other"), "one of a.io, me:pw");
}

#[track_caller]
fn check_malformed(file: &str, expected: &str) {
    let error = LoginFile::parse(file.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), expected, "{file}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn what_is_no_config_is_refused_without_showing_it() {
    let at = |line: usize, column: usize| {
        format!("it is not the JSON of a Docker config, at line {line}, column {column}")
    };
    check_malformed("{", &at(1, 1));
    check_malformed("[]", &at(1, 2));
    check_malformed("auths:\n  a.io: hunter2", &at(1, 1));
    check_malformed(r#"{"auths": {"a.io": "hunter2"}}"#, &at(1, 28));
    check_malformed("{\"auths\":\n{\"a.io\": {\"auth\": {\"hunter2\": 1}}}}", &at(2, 18));
    check_malformed(r#"{"credsStore": ["hunter2"]}"#, &at(1, 15));
}

#[test]
fn an_empty_file_and_foreign_fields_are_no_error() {
    let foreign = r#"{"psFormat": "x", "auths": null, "credHelpers": null, "credsStore": null,
        "plugins": {"a": {"b": "c"}}, "proxies": {"default": {}}}"#;
    for file in ["", " \n", "{}", foreign] {
        assert_eq!(asked(file, "a.io", "b"), "", "{file:?}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[A-Za-z0-9+/:]{0,8}={0,2}".prop_map(Into::into),
    ];
    let name = prop_oneof![
        Just("auths".to_owned()),
        Just("credHelpers".to_owned()),
        Just("credsStore".to_owned()),
        Just("auth".to_owned()),
        Just("username".to_owned()),
        Just("password".to_owned()),
        Just("identitytoken".to_owned()),
        Just("registrytoken".to_owned()),
        "(https?://)?a\\.io(:[0-9]{1,5})?(/[a-z0-9/]{0,6})?",
        any::<String>(),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(name.clone(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Asks all that can be asked of `bytes`.
fn ask_all(bytes: &[u8]) {
    let Ok(file) = LoginFile::parse(bytes) else { return };
    for host in ["a.io", "docker.io", "a.io:5000"] {
        for candidate in file.candidates(&host.parse().unwrap(), &"a/b".parse().unwrap()) {
            match candidate {
                Candidate::Entry(login) => drop(login.credential()),
                Candidate::Helper(question) => assert!(!question.helper.is_empty()),
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        ask_all(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(file in json()) {
        ask_all(file.to_string().as_bytes());
    }

    #[test]
    fn no_entry_makes_it_panic(
        key in "(https?://)?a\\.io(:5000)?(/a?b?/?(v1/)?)?",
        auth in prop_oneof![any::<String>(), "[A-Za-z0-9+/]{0,9}={0,3}"],
        entry in json(),
    ) {
        let auths = serde_json::json!({ key: { "auth": auth }, "a.io": entry });
        ask_all(serde_json::json!({ "auths": auths }).to_string().as_bytes());
    }

    /// What Docker encodes is decoded: the user ends at the first colon, the password at the end.
    #[test]
    fn a_login_survives_its_encoding(username in "[^:\0]{0,20}", password in "[^\0]{0,20}") {
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("{username}:{password}"));
        let (user, secret) = decode(&Secret::new(auth)).unwrap();
        prop_assert_eq!(user, username);
        prop_assert_eq!(secret.expose(), password);
    }
}
