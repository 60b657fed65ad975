//! Which source answers for which host.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::ConfinedFolder;

/// A config folder that is Docker's too, where `docker` is logged in everywhere.
fn place() -> (TempDir, ConfinedFolder) {
    let place = TempDir::new().unwrap();
    let login = serde_json::json!({ "username": "docker", "password": "pw" });
    let auths = serde_json::json!({ "docker.io": login, "ghcr.io": login });
    fs::write(place.path().join("config.json"), serde_json::json!({ "auths": auths }).to_string())
        .unwrap();
    fs::write(place.path().join("token"), "\n first \r\n").unwrap();
    let folder = ConfinedFolder::open(place.path()).unwrap();
    (place, folder)
}

/// Credentials for one host of a config, and Docker's for the rest.
fn credentials(
    place: &TempDir,
    host: &str,
    username: Option<&str>,
    source: CredentialSource,
) -> Credentials {
    let username = username.map(str::to_owned);
    let hosts = HashMap::from([(host.parse().unwrap(), HostCredential { username, source })]);
    let folder = place.path().to_str().unwrap().to_owned();
    let docker = DockerConfig::from_environment(&|name| match name {
        "DOCKER_CONFIG" | "XDG_RUNTIME_DIR" => Some(folder.clone()),
        _ => None,
    });
    Credentials::new(hosts, docker)
}

async fn resolve(credentials: &Credentials, host: &str) -> Result<Credential, CredentialError> {
    credentials.resolve(&host.parse().unwrap(), &"flux/app".parse().unwrap()).await
}

/// Says in words what `host` is shown.
async fn shown(credentials: &Credentials, host: &str) -> String {
    match resolve(credentials, host).await.unwrap() {
        Credential::Anonymous => "anonymous".to_owned(),
        Credential::Bearer(token) => format!("bearer {}", token.expose()),
        Credential::Basic { username, password } => format!("{username}:{}", password.expose()),
        other @ (Credential::IdentityToken { .. } | Credential::RegistryToken(_)) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test]
async fn the_config_wins_over_docker() {
    let (place, _folder) = place();
    let value = || CredentialSource::Value(Secret::new(" as it is\n".to_owned()));
    let bearer = credentials(&place, "ghcr.io", None, value());
    assert_eq!(shown(&bearer, "ghcr.io").await, "bearer  as it is\n");
    assert_eq!(shown(&bearer, "docker.io").await, "docker:pw");
    assert_eq!(shown(&bearer, "quay.io").await, "anonymous");

    let basic = credentials(&place, "index.docker.io", Some("robot$x"), value());
    assert_eq!(shown(&basic, "registry-1.docker.io").await, "robot$x: as it is\n");
    assert_eq!(shown(&basic, "ghcr.io").await, "docker:pw");
}

#[tokio::test]
async fn a_file_is_trimmed_and_read_again_when_it_changes() {
    let (place, folder) = place();
    let source = CredentialSource::File(folder.file("token").unwrap());
    let credentials = credentials(&place, "ghcr.io", Some("me"), source);
    assert_eq!(shown(&credentials, "ghcr.io").await, "me:first");
    fs::write(place.path().join("new"), "second").unwrap();
    fs::rename(place.path().join("new"), place.path().join("token")).unwrap();
    assert_eq!(shown(&credentials, "ghcr.io").await, "me:second");
}

#[tokio::test]
async fn a_file_of_no_use_is_an_error_not_anonymous() {
    let (place, folder) = place();
    let token = place.path().join("token");
    let source = CredentialSource::File(folder.file("token").unwrap());
    let credentials = credentials(&place, "ghcr.io", None, source);
    let check = async |expected: &str, may_pass: bool| {
        let error = resolve(&credentials, "ghcr.io").await.unwrap_err();
        assert_eq!(error.may_pass(), may_pass, "{error}");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        assert_eq!(format!("{error}{}", cause.unwrap_or_default()), expected);
    };
    fs::write(&token, " \n").unwrap();
    check("no credential for ghcr.io: file `token` is empty", true).await;
    fs::write(&token, b"hunter2\xff").unwrap();
    check("no credential for ghcr.io: file `token` is not UTF-8 text", false).await;
    fs::write(&token, "x".repeat(SECRET_BYTES + 1)).unwrap();
    check("no credential for ghcr.io: file `token` is larger than 65536 bytes", false).await;
    fs::remove_file(&token).unwrap();
    check("no credential for ghcr.io: cannot read file `token`", true).await;
}

#[tokio::test]
async fn without_any_source_everybody_is_anonymous() {
    let credentials = Credentials::new(HashMap::new(), DockerConfig::default());
    assert_eq!(shown(&credentials, "ghcr.io").await, "anonymous");
}

#[test]
fn a_helper_that_failed_may_recover_and_a_missing_one_stays_missing() {
    let check = |error, may_pass| {
        let (host, path) = ("ghcr.io".parse().unwrap(), PathBuf::from("config.json"));
        let error = CredentialError::Helper { host, path, source: Arc::new(error) };
        assert_eq!(error.may_pass(), may_pass, "{error:?}");
    };
    let (program, server) = (|| "docker-credential-x".to_owned(), || "ghcr.io".to_owned());
    let timeout = std::time::Duration::from_secs(30);
    check(HelperError::TimedOut { program: program(), server: server(), timeout }, true);
    check(HelperError::Run { program: program(), source: io::Error::other("busy") }, true);
    check(HelperError::Missing { program: program() }, false);
    check(HelperError::Answer { program: program(), server: server() }, false);
}
