//! Who is shown what: challenges, tokens, credentials, TLS and proxies, through the binary.

mod aws;
mod azure;
mod certificates;
mod docker;
mod echoes;
mod gcp;
mod hosts;
mod identities;
mod kinds;
#[cfg(feature = "test-clients")]
mod moto;
mod pair;
mod proxies;
pub(crate) mod spiffe;
mod strangers;
mod tls;
mod tokens;
mod ways;

use mirror_tests::mirror::Mirror;
use mirror_tests::scripted::{
    Auth, Log, Realm, ScriptedOptions, ScriptedRegistry, TokenAuth, User,
};

/// Returns a mirror of nothing yet.
fn mirror() -> Mirror {
    Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
}

/// Starts a registry that wants tokens, which `robot` may have for `hunter2`.
fn token_registry() -> ScriptedRegistry {
    with_tokens(TokenAuth { users: vec![User::new("robot", "hunter2")], ..TokenAuth::default() })
}

/// Starts a registry that wants tokens.
fn with_tokens(auth: TokenAuth) -> ScriptedRegistry {
    ScriptedRegistry::start(ScriptedOptions { auth: Auth::Token(auth), ..Default::default() })
}

/// Starts a registry that wants `robot` and `hunter2` by Basic.
fn basic_registry() -> ScriptedRegistry {
    let auth = Auth::Basic { user: "robot".to_owned(), password: "hunter2".to_owned() };
    ScriptedRegistry::start(ScriptedOptions { auth, ..Default::default() })
}

/// Starts a registry whose tokens come from its other host.
fn tokens_elsewhere() -> ScriptedRegistry {
    let users = vec![User::new("robot", "hunter2")];
    with_tokens(TokenAuth { realm: Realm::Other, users, ..TokenAuth::default() })
}

/// The `hosts` entry of `robot`.
const ROBOT: &str = "username: robot, credential: {value: hunter2}";
/// What `robot` shows by Basic.
const ROBOT_BASIC: &str = "Basic cm9ib3Q6aHVudGVyMg==";

/// How many requests were answered 401.
fn challenges(log: &Log) -> usize {
    log.only(|entry| entry.status == Some(401)).count()
}
