//! Which files are looked at, in which order, and what becomes of one that is of no use.

use std::collections::HashMap;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::Credential;
use crate::helper::tests::install;

#[track_caller]
fn check_files(environment: &[(&str, &str)], expected: &str) {
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    let files = files(&|name| environment.get(name).map(|value| (*value).to_owned()), 7);
    let files: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(files.join(" "), expected, "{environment:?}");
}

#[test]
fn the_environment_says_which_files() {
    check_files(&[], "/run/containers/7/auth.json");
    check_files(
        &[("HOME", "/home")],
        "/home/.docker/config.json /run/containers/7/auth.json /home/.config/containers/auth.json",
    );
    check_files(
        &[("HOME", "/home"), ("DOCKER_CONFIG", "/docker"), ("XDG_RUNTIME_DIR", "/run/user/7")],
        "/docker/config.json /run/user/7/containers/auth.json \
         /home/.config/containers/auth.json",
    );
    check_files(
        &[("HOME", "/home"), ("DOCKER_CONFIG", ""), ("XDG_RUNTIME_DIR", "")],
        "/home/.docker/config.json /run/containers/7/auth.json /home/.config/containers/auth.json",
    );
    check_files(
        &[
            ("XDG_CONFIG_HOME", "/etc/me"),
            ("XDG_RUNTIME_DIR", "/run/user/7"),
            ("REGISTRY_AUTH_FILE", "/podman.json"),
        ],
        "/podman.json /etc/me/containers/auth.json",
    );
}

/// A home with a Docker config and an `auth.json`, and a folder for helpers.
struct Home(TempDir);

impl Home {
    fn new(docker: &str, podman: &str) -> Self {
        let home = Self(TempDir::new().unwrap());
        home.write("config.json", docker);
        home.write("auth.json", podman);
        home
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn config(&self) -> DockerConfig {
        let folder = self.0.path().to_str().unwrap();
        DockerConfig::from_environment(&|name| match name {
            "DOCKER_CONFIG" | "PATH" => Some(folder.to_owned()),
            "REGISTRY_AUTH_FILE" => Some(format!("{folder}/auth.json")),
            _ => None,
        })
    }

    /// Says who is let in at `host`, or the errors from the outermost to the cause.
    async fn user(&self, host: &str) -> String {
        let (host, repository) = (host.parse().unwrap(), "flux/app".parse().unwrap());
        match self.config().resolve(&host, &repository).await {
            Ok(Some(Found { credential: Credential::Basic { username, .. }, .. })) => username,
            Ok(found) => format!("{found:?}"),
            Err(error) => self.chain(&error),
        }
    }

    fn chain(&self, error: &CredentialError) -> String {
        let first: Option<&dyn std::error::Error> = Some(error);
        let chain: Vec<_> =
            std::iter::successors(first, |error| error.source()).map(ToString::to_string).collect();
        chain.join(": ").replace(self.0.path().to_str().unwrap(), "HOME")
    }
}

/// A file in which `user` is logged in at `host`.
fn login(host: &str, user: &str) -> String {
    serde_json::json!({ "auths": { host: { "username": user, "password": "pw" } } }).to_string()
}

#[tokio::test]
async fn docker_goes_before_podman() {
    let home = Home::new(&login("a.io", "docker"), &login("a.io", "podman"));
    assert_eq!(home.user("a.io").await, "docker");
    assert_eq!(home.user("b.io").await, "None");
    home.write("config.json", &login("b.io", "docker"));
    assert_eq!(home.user("a.io").await, "podman");
    fs::remove_file(home.0.path().join("config.json")).unwrap();
    assert_eq!(home.user("a.io").await, "podman");
    fs::remove_file(home.0.path().join("auth.json")).unwrap();
    assert_eq!(home.user("a.io").await, "None");
}

#[tokio::test]
async fn a_login_while_a_run_goes_on_is_seen() {
    let home = Home::new("{}", "{}");
    let config = home.config();
    let (host, repository) = ("a.io".parse().unwrap(), "flux/app".parse().unwrap());
    assert!(config.resolve(&host, &repository).await.unwrap().is_none());
    home.write("config.json", &login("a.io", "me"));
    assert!(config.resolve(&host, &repository).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_of_no_use_is_an_error_once_it_is_needed() {
    let home = Home::new("{", &login("a.io", "podman"));
    let wanted = "no credential for a.io from HOME/config.json: ";
    assert_eq!(
        home.user("a.io").await,
        format!("{wanted}it is not the JSON of a Docker config, at line 1, column 1")
    );
    home.write("config.json", &" ".repeat(CONFIG_BYTES + 1));
    assert_eq!(home.user("a.io").await, format!("{wanted}it is larger than 1048576 bytes"));

    let config = home.0.path().join("config.json");
    fs::remove_file(&config).unwrap();
    fs::create_dir(&config).unwrap();
    assert_eq!(home.user("a.io").await, format!("{wanted}it is not a regular file"));
    fs::remove_dir(&config).unwrap();
    std::os::unix::fs::symlink("config.json", &config).unwrap();
    let error = home.user("a.io").await;
    assert!(error.starts_with(&format!("{wanted}it cannot be read: ")), "{error}");

    fs::remove_file(&config).unwrap();
    home.write("config.json", &login("a.io", "docker"));
    home.write("auth.json", "{");
    assert_eq!(home.user("a.io").await, "docker");
    home.write("config.json", r#"{"auths": {"a.io": {"auth": "hunter2"}}}"#);
    assert_eq!(
        home.user("a.io").await,
        format!("{wanted}`auth` of `a.io` is not the base64 of `user:password`")
    );
}

#[tokio::test]
async fn a_helper_goes_before_the_file_and_may_leave_it_to_the_next() {
    let docker =
        r#"{"auths": {"a.io": {"username": "file", "password": "pw"}}, "credsStore": "x"}"#;
    let home = Home::new(docker, &login("b.io", "podman"));
    install(
        home.0.path(),
        "x",
        r#"case $(cat) in
            h.io) echo '{"Username": "helper", "Secret": "pw"}';;
            dead.io) echo 'no agent'; exit 1;;
            *) echo 'credentials not found in native keychain'; exit 1;;
        esac"#,
    );
    assert_eq!(home.user("h.io").await, "helper");
    assert_eq!(home.user("a.io").await, "file");
    assert_eq!(home.user("b.io").await, "podman");
    assert_eq!(home.user("c.io").await, "None");
    assert_eq!(
        home.user("dead.io").await,
        "no credential for dead.io from the helper named in HOME/config.json: \
         docker-credential-x failed for `dead.io` (exit status: 1): no agent"
    );
    home.write("config.json", r#"{"credHelpers": {"a.io": "gone"}}"#);
    assert_eq!(
        home.user("a.io").await,
        "no credential for a.io from the helper named in HOME/config.json: \
         docker-credential-gone is not in PATH"
    );
}
