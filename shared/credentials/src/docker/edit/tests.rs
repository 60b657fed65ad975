//! What an edit changes, and what it leaves alone.

use serde_json::{Value, json};

use super::super::auths::LoginFile;
use super::*;
use crate::docker::auths::Candidate;

fn host(name: &str) -> RegistryHost {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic { username: username.to_owned(), password: secret(password) }
}

/// Adds a login to `text` and returns the file.
#[track_caller]
fn added(text: &str, name: &str, credential: &Credential, audience: Audience) -> String {
    let entry = Entry::new(&host(name), credential, audience).unwrap();
    let bytes = with_entry(text.as_bytes(), &host(name), &entry).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn check(text: &str, name: &str, credential: &Credential, expected: &Value) {
    let text = added(text, name, credential, Audience::Docker);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), *expected);
}

#[test]
fn each_credential_has_its_entry() {
    let r = "r.example:5000";
    check("", r, &basic("me", "p:w"), &json!({"auths": {r: {"auth": "bWU6cDp3"}}}));
    check(
        "{}",
        r,
        &Credential::Bearer(secret("t")),
        &json!({"auths": {r: {"registrytoken": "t"}}}),
    );
    let token = Credential::RegistryToken(secret("t"));
    check("{\"auths\": null}", r, &token, &json!({"auths": {r: {"registrytoken": "t"}}}));
    check(" ", r, &Credential::Anonymous, &json!({"auths": {r: {}}}));
    let identity = Credential::IdentityToken { username: String::new(), token: secret("i") };
    check("", r, &identity, &json!({"auths": {r: {"auth": "Og==", "identitytoken": "i"}}}));
    let hub = json!({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}}});
    check("", "docker.io", &basic("a", "b"), &hub);
    let text = added("", r, &basic("me", "pw\""), Audience::Kubernetes);
    let expected =
        json!({"auths": {r: {"username": "me", "password": "pw\"", "auth": "bWU6cHci"}}});
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}

#[test]
fn all_else_is_kept_to_the_digit() {
    let text = r#"{"credsStore": "x", "n": 1.0e+400, "auths": {"b.example": {"auth":  "old", "email": "e"},
        "r.example/team": {"auth": "team"}}, "currentContext": "ü\u00e9"}"#;
    let edited = added(text, "r.example", &basic("a", "b"), Audience::Docker);
    for kept in [
        "1.0e+400",
        r#""auth": "old""#,
        r#""email": "e""#,
        r#""auth": "team""#,
        r#""ü\u00e9""#,
        r#""credsStore": "x""#,
    ] {
        assert!(edited.contains(kept), "{kept} is not in {edited}");
    }
    let order = ["credsStore", "\"n\"", "auths", "b.example", "r.example/team", "currentContext"];
    let places: Vec<_> = order.iter().map(|key| edited.find(key).unwrap()).collect();
    assert!(places.is_sorted(), "{edited}");
}

#[test]
fn it_looks_as_docker_writes_it_for_docker_and_for_kubernetes() {
    let text = r#"{"auths":{"a.example":{"auth":"YTpi"}, "r.example": {"auth": "old"}}, "x": {}}"#;
    let edited = added(text, "r.example", &basic("a", "b"), Audience::Kubernetes);
    let expected = "{\n\t\"auths\": {\n\t\t\"a.example\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n\t\t\
                    \"r.example\": {\n\t\t\t\"username\": \"a\",\n\t\t\t\"password\": \"b\",\n\t\t\t\
                    \"auth\": \"YTpi\"\n\t\t}\n\t},\n\t\"x\": {}\n}";
    assert_eq!(edited, expected);
}

#[test]
fn what_docker_keeps_beside_a_login_at_its_hub_stays() {
    let hub = "https://index.docker.io/v1/";
    let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "b2xkOm9sZA=="}, "docker.io": {"auth": "b2xkOm9sZA=="},
        "https://index.docker.io/v1/access-token": {"auth": "YTpi"}, "https://index.docker.io/v1/refresh-token": {"auth": "Yzpk"},
        "https://index.docker.io/v1": {}, "index.docker.io": {}, "registry-1.docker.io/v2/": {}}}"#;
    let access = format!("{hub}access-token");
    let refresh = format!("{hub}refresh-token");
    let expected = json!({"auths": {
        hub: {"auth": "YTpi"}, access: {"auth": "YTpi"}, refresh: {"auth": "Yzpk"},
    }});
    check(text, "docker.io", &basic("a", "b"), &expected);
}

#[test]
fn an_old_login_of_the_host_is_replaced_however_it_is_spelt() {
    let text = r#"{"auths": {"https://r.example/v1/": {"registrytoken": "old"}, "R.example": {"auth": "b2xkOm9sZA=="},
        "r.example": {"identitytoken": "old"}, "r.example:5000": {"auth": "YTpi"}}}"#;
    let edited = added(text, "r.example", &basic("a", "b"), Audience::Docker);
    let expected =
        json!({"auths": {"r.example": {"auth": "YTpi"}, "r.example:5000": {"auth": "YTpi"}}});
    assert_eq!(serde_json::from_str::<Value>(&edited).unwrap(), expected);
    // And it is what is read.
    let file = LoginFile::parse(edited.as_bytes()).unwrap();
    let found = file.candidates(&host("r.example"), &"a".parse().unwrap());
    let [Candidate::Entry(login)] = &found[..] else { panic!("{found:?}") };
    let Credential::Basic { username, password } = login.credential().unwrap() else { panic!() };
    assert_eq!((username.as_str(), password.expose()), ("a", "b"));
}

#[test]
fn what_is_no_config_is_not_made_one() {
    for text in ["[]", "{", "{\"auths\": []}", "{\"auths\": {\"a\": }}", "hunter2"] {
        let entry = Entry::default();
        let error = with_entry(text.as_bytes(), &host("r.example"), &entry).unwrap_err();
        assert!(matches!(error, DockerConfigError::Malformed { .. }), "{text}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn a_username_with_a_colon_cannot_be_said() {
    let error = Entry::new(&host("r.example"), &basic("a:b", "c"), Audience::Docker).err();
    let expected = "the username of r.example holds a colon, which a Docker config cannot say";
    assert_eq!(error.unwrap().to_string(), expected);
}
