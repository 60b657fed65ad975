//! Which source answers for which host.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::{ConfinedFolder, Envelope, MAX_SECRET_BYTES, Secret, SignedToken};

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
    let source = TokenSource::Given(source);
    of_host(place, host, HostCredential { username, source, envelope: None })
}

fn of_host(place: &TempDir, host: &str, credential: HostCredential) -> Credentials {
    let login = HostLogin::Credential(credential);
    let hosts = HashMap::from([(host.parse().unwrap(), login)]);
    let folder = place.path().to_str().unwrap().to_owned();
    let docker = DockerConfig::from_environment(&|name| match name {
        "DOCKER_CONFIG" | "XDG_RUNTIME_DIR" => Some(folder.clone()),
        _ => None,
    });
    Credentials::new(hosts, docker, Providers::none())
}

async fn resolve(credentials: &Credentials, host: &str) -> Result<Found, CredentialError> {
    credentials.resolve(&host.parse().unwrap(), &"flux/app".parse().unwrap()).await
}

/// Says in words who says what `host` is shown.
async fn origin(credentials: &Credentials, host: &str) -> String {
    resolve(credentials, host).await.unwrap().origin.to_string()
}

/// Says in words what `host` is shown.
async fn shown(credentials: &Credentials, host: &str) -> String {
    match resolve(credentials, host).await.unwrap().credential {
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
    let value = || CredentialSource::Value(Secret::new(" as it is ".to_owned()));
    let bearer = credentials(&place, "ghcr.io", None, value());
    assert_eq!(shown(&bearer, "ghcr.io").await, "bearer  as it is ");
    assert_eq!(shown(&bearer, "docker.io").await, "docker:pw");
    assert_eq!(shown(&bearer, "quay.io").await, "anonymous");

    assert_eq!(origin(&bearer, "ghcr.io").await, "the config's value");
    let login = place.path().join("config.json").display().to_string();
    assert_eq!(origin(&bearer, "docker.io").await, login);
    assert_eq!(origin(&bearer, "quay.io").await, "none, anonymous");

    let basic = credentials(&place, "index.docker.io", Some("robot$x"), value());
    assert_eq!(shown(&basic, "registry-1.docker.io").await, "robot$x: as it is ");
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
    fs::write(&token, "x".repeat(MAX_SECRET_BYTES + 1)).unwrap();
    check("no credential for ghcr.io: file `token` is larger than 65536 bytes", false).await;
    fs::remove_file(&token).unwrap();
    check("no credential for ghcr.io: cannot read file `token`", true).await;
}

#[tokio::test]
async fn without_any_source_everybody_is_anonymous() {
    let credentials = Credentials::new(HashMap::new(), DockerConfig::default(), Providers::none());
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
    let timeout = Duration::from_secs(30);
    check(HelperError::TimedOut { program: program(), server: server(), timeout }, true);
    check(HelperError::Run { program: program(), source: std::io::Error::other("busy") }, true);
    check(HelperError::Missing { program: program() }, false);
    check(HelperError::Answer { program: program(), server: server() }, false);
}

/// Credentials of one host by tokens that we sign with `jwk.json`.
fn signing(place: &TempDir, folder: &ConfinedFolder, lifetime: Option<Duration>) -> Credentials {
    let key = CredentialSource::File(folder.file("jwk.json").unwrap());
    let source = TokenSource::Signed(SignedToken {
        key,
        issuer: "me".to_owned(),
        subject: "mirror".to_owned(),
        audiences: vec!["ghcr.io".to_owned()],
        lifetime,
    });
    let envelope = Some(Envelope::parse("jwt {{ .Token }}").unwrap());
    of_host(place, "ghcr.io", HostCredential { username: None, source, envelope })
}

/// RFC 8037, appendix A.
const JWK: &str = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"KID\",\
                   \"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\
                   \"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}";

#[tokio::test(start_paused = true)]
async fn a_token_is_signed_anew_unless_the_config_says_how_long_one_lives() {
    let (place, folder) = place();
    fs::write(place.path().join("jwk.json"), JWK).unwrap();
    let fresh = signing(&place, &folder, None);
    let first = shown(&fresh, "ghcr.io").await;
    assert!(first.starts_with("bearer jwt ey"), "{first}");
    assert_ne!(shown(&fresh, "ghcr.io").await, first);
    assert_eq!(origin(&fresh, "ghcr.io").await, "the config's JWK");

    let kept = signing(&place, &folder, Some(Duration::from_secs(600)));
    let first = shown(&kept, "ghcr.io").await;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(shown(&kept, "ghcr.io").await, first);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_ne!(shown(&kept, "ghcr.io").await, first);
}

#[tokio::test]
async fn a_key_is_read_again_and_one_of_no_use_is_an_error() {
    let (place, folder) = place();
    let path = place.path().join("jwk.json");
    fs::write(&path, JWK).unwrap();
    let credentials = signing(&place, &folder, None);
    let header =
        async || shown(&credentials, "ghcr.io").await.split('.').next().unwrap().to_owned();
    let first = header().await;
    fs::write(&path, JWK.replace("KID", "renewed")).unwrap();
    assert_ne!(header().await, first);

    fs::write(&path, "hunter2").unwrap();
    let error = resolve(&credentials, "ghcr.io").await.unwrap_err();
    assert!(error.may_pass());
    let mut lines = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    let expected = [
        "no credential for ghcr.io: nothing is signed",
        "file `jwk.json` is of no use",
        "it is no JWK, nor a set of one",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn what_no_header_can_carry_is_an_error_that_says_where_it_is() {
    let (place, _folder) = place();
    let value = || CredentialSource::Value(Secret::new("hunter2\n".to_owned()));
    let bearer = credentials(&place, "ghcr.io", None, value());
    let error = resolve(&bearer, "ghcr.io").await.unwrap_err();
    assert!(matches!(error, CredentialError::Unfit { .. }) && !error.may_pass(), "{error}");
    let said = "no credential for ghcr.io: the config's value holds a line break, or what else no header can \
                carry";
    assert_eq!(error.to_string(), said);
    // A password is sent in base64.
    let basic = credentials(&place, "ghcr.io", Some("robot"), value());
    assert_eq!(shown(&basic, "ghcr.io").await, "robot:hunter2\n");
}
