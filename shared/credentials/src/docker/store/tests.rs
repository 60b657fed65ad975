//! Logins stored in real folders, by real helpers.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::DockerConfig;
use crate::helper::tests::install;

/// A Docker config in a folder of its own, with helpers beside it.
struct World {
    folder: TempDir,
    store: DockerStore,
}

impl World {
    fn new(config: Option<&Value>) -> Self {
        let folder = TempDir::new().unwrap();
        let store = DockerStore::new(folder.path(), folder.path().to_str().unwrap());
        if let Some(config) = config {
            std::fs::write(store.file(), config.to_string()).unwrap();
        }
        Self { folder, store }
    }

    fn helper(&self, script: &str) {
        install(self.folder.path(), "x", script);
    }

    fn config(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.store.file()).unwrap()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn host() -> RegistryHost {
    "r.example".parse().unwrap()
}

fn basic() -> Credential {
    Credential::Basic { username: "me".to_owned(), password: Secret::new("hunter2".to_owned()) }
}

fn bearer() -> Credential {
    Credential::Bearer(Secret::new("t0ken".to_owned()))
}

/// A helper that remembers what it was told.
const REMEMBERS: &str = r#"[ "$*" = store ] || exit 2; cat > "${0%/*}/told""#;

#[tokio::test]
async fn a_config_is_made_for_its_owner_alone_and_is_one_when_it_was_not() {
    let world = World::new(None);
    let folder = world.folder.path().join("a/b");
    let store = DockerStore::new(&folder, "");
    store.store(&host(), &basic(), Keeper::Helper).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(store.file()), mode(&folder)), (0o600, 0o700));
    std::fs::set_permissions(store.file(), Permissions::from_mode(0o644)).unwrap();
    store.store(&host(), &bearer(), Keeper::Helper).await.unwrap();
    assert_eq!(mode(store.file()), 0o600);
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it: {names:?}");
}

#[tokio::test]
async fn a_helper_that_is_named_has_the_password_and_the_config_has_not() {
    for config in [
        json!({"credsStore": "x", "auths": {"r.example": {"auth": "b2xkOm9sZA=="}}}),
        json!({"credHelpers": {"r.example": "x"}, "credsStore": "other"}),
    ] {
        let world = World::new(Some(&config));
        world.helper(REMEMBERS);
        let stored = world.store.store(&host(), &basic(), Keeper::Helper).await.unwrap();
        assert_eq!(stored, Stored { passed_over: None });
        let told = std::fs::read(world.folder.path().join("told")).unwrap();
        let expected = json!({"ServerURL": "r.example", "Username": "me", "Secret": "hunter2"});
        assert_eq!(serde_json::from_slice::<Value>(&told).unwrap(), expected);
        assert_eq!(world.config()["auths"], json!({"r.example": {}}));
    }
}

#[tokio::test]
async fn plaintext_passes_a_helper_over_and_a_bearer_always_does() {
    let world = World::new(Some(&json!({"credsStore": "x"})));
    world.helper(REMEMBERS);
    let stored = world.store.store(&host(), &basic(), Keeper::Plaintext).await.unwrap();
    let passed_over = Some("docker-credential-x".to_owned());
    assert_eq!(stored, Stored { passed_over });
    assert_eq!(world.config()["auths"]["r.example"], json!({"auth": "bWU6aHVudGVyMg=="}));
    let stored = world.store.store(&host(), &bearer(), Keeper::Helper).await.unwrap();
    assert_eq!(stored, Stored { passed_over: None });
    assert_eq!(world.config()["auths"]["r.example"], json!({"registrytoken": "t0ken"}));
    assert!(!world.files().contains(&"told".to_owned()));
}

#[tokio::test]
async fn a_helper_that_fails_leaves_the_config_alone_and_never_shows_the_password() {
    let config = json!({"credsStore": "x", "auths": {"r.example": {"auth": "b2xkOm9sZA=="}}});
    for (script, message) in [
        ("echo 'not implemented'; exit 1", "not implemented"),
        ("echo \"cannot keep $(cat)\"; exit 1", "it does not say why"),
        ("echo cannot keep hunter2 >&2; exit 1", "it does not say why"),
    ] {
        let world = World::new(Some(&config));
        world.helper(script);
        let error = world.store.store(&host(), &basic(), Keeper::Helper).await.unwrap_err();
        let StoreError::Helper { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().ends_with(message), "{source}");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(world.config(), config);
    }
}

/// What an error repeats is cut: a secret that is longer than the cut is kept out too.
#[tokio::test]
async fn not_even_the_start_of_a_long_password_is_shown() {
    let password = "hunter2-".repeat(250);
    for script in [
        "echo \"cannot keep $(cat | tail -c 2500 | tr -d '{}')\"; exit 1",
        "echo it is full; cat | tr -d '{}' >&2; exit 1",
    ] {
        let world = World::new(Some(&json!({"credsStore": "x"})));
        world.helper(script);
        let password = Secret::new(password.clone());
        let long = Credential::Basic { username: "me".to_owned(), password };
        let error = world.store.store(&host(), &long, Keeper::Helper).await.unwrap_err();
        let StoreError::Helper { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().ends_with("it does not say why"), "{source}");
        assert!(!format!("{error:?} {source}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_link_stays_a_link_though_nothing_is_there_yet() {
    let world = World::new(None);
    let real = world.folder.path().join("dotfiles/docker.json");
    symlink("dotfiles/next", world.store.file()).unwrap();
    std::fs::create_dir(real.parent().unwrap()).unwrap();
    symlink("docker.json", world.folder.path().join("dotfiles/next")).unwrap();
    for credential in [basic(), bearer()] {
        world.store.store(&host(), &credential, Keeper::Helper).await.unwrap();
        assert!(real.symlink_metadata().unwrap().is_file());
        assert!(world.store.file().is_symlink());
    }
    let looped = World::new(None);
    symlink("config.json", looped.store.file()).unwrap();
    let error = looped.store.store(&host(), &bearer(), Keeper::Helper).await.unwrap_err();
    assert!(matches!(error, StoreError::Config { .. } | StoreError::Write { .. }), "{error:?}");
}

#[tokio::test]
async fn of_many_logins_at_once_none_is_lost() {
    let world = World::new(Some(&json!({"psFormat": "table"})));
    let mut storing = tokio::task::JoinSet::new();
    for number in 0..50 {
        // The disk may be as slow as it likes.
        let patience = Duration::from_hours(1);
        let store = DockerStore { patience, ..DockerStore::new(world.folder.path(), "") };
        let host: RegistryHost = format!("r{number}.example").parse().unwrap();
        storing.spawn(async move { store.store(&host, &basic(), Keeper::Helper).await });
    }
    assert!(storing.join_all().await.iter().all(Result::is_ok));
    let config = world.config();
    assert_eq!(config["auths"].as_object().unwrap().len(), 50, "{config}");
    assert_eq!(config["psFormat"], "table");
    assert_eq!(world.files(), ["config.json"]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_never_given_up_is_an_error_and_not_a_hang() {
    let world = World::new(None);
    let _held = Locked::open(world.store.file().to_owned(), LOCK_WAIT).await.unwrap();
    let error = world.store.store(&host(), &bearer(), Keeper::Helper).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    let path = world.store.file().display();
    let expected = format!(
        "cannot add the credential of r.example to {path}: another login has locked it, for 10s by now"
    );
    assert_eq!(error.to_string(), expected);
    assert!(world.files().is_empty(), "{:?}", world.files());
}

#[tokio::test]
async fn what_was_stored_is_what_is_found() {
    let world = World::new(None);
    let folder = world.folder.path().to_str().unwrap().to_owned();
    let environment = |name: &str| (name == "DOCKER_CONFIG").then(|| folder.clone());
    let config = DockerConfig::from_environment(&environment);
    let repository = "a".parse().unwrap();
    let identity =
        Credential::IdentityToken { username: String::new(), token: Secret::new("i".to_owned()) };
    for (stored, expected) in [(basic(), "Basic"), (bearer(), "Registry"), (identity, "Identity")] {
        world.store.store(&host(), &stored, Keeper::Helper).await.unwrap();
        let found = config.resolve(&host(), &repository).await.unwrap().unwrap().credential;
        assert!(format!("{found:?}").starts_with(expected), "{found:?}");
    }
}

#[tokio::test]
async fn nothing_is_stored_of_what_is_no_credential_or_beside_what_is_no_config() {
    let world = World::new(None);
    let error = world.store.store(&host(), &Credential::Anonymous, Keeper::Helper).await;
    assert_eq!(error.unwrap_err().to_string(), "r.example has no credential");
    std::fs::write(world.store.file(), "{\"auths\": 7}").unwrap();
    world.store.store(&host(), &bearer(), Keeper::Helper).await.unwrap_err();
    assert_eq!(std::fs::read(world.store.file()).unwrap(), b"{\"auths\": 7}");
    assert_eq!(world.files(), ["config.json"]);
}
