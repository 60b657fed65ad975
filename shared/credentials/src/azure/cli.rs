//! The Azure CLI, and whoever is logged in there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::{Failure, Given};
use crate::Secret;
use crate::oauth::{self, DEFAULT_LIFE};
use crate::program::{self, Programs};

/// A program in Python that asks Entra: some seconds, and what is left of a provider's time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "accessToken")]
    token: Secret,
    /// In seconds since 1970; older versions write the time of day alone.
    #[serde(default, deserialize_with = "oauth::number")]
    expires_on: Option<u64>,
}

/// Asks for a token for a scope.
pub(super) async fn token(programs: &Programs, scope: &str) -> Result<Given, Failure> {
    let Some(az) = programs.find("az").await else {
        return Err(Failure::lasting("az is not in PATH"));
    };
    let arguments = ["account", "get-access-token", "--output", "json", "--scope", scope];
    let run = program::run(&az, &arguments, b"");
    let ended = match tokio::time::timeout(ANSWER_TIMEOUT, run).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => return Err(Failure::lasting(format!("cannot run az ({error})"))),
        Err(_elapsed) => {
            let seconds = ANSWER_TIMEOUT.as_secs();
            return Err(Failure::passing(format!("az did not answer within {seconds} s")));
        }
    };
    if !ended.status.success() {
        return Err(Failure::lasting(format!("az failed ({}): {}", ended.status, ended.message())));
    }
    // The parser's own message could show the token.
    let Ok(Answer { token, expires_on }) = serde_json::from_slice(&ended.stdout) else {
        return Err(Failure::lasting("az answered with no token"));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let life = expires_on.map(|end| Duration::from_secs(end).saturating_sub(now));
    if token.expose().is_empty() || life.is_some_and(|life| life.is_zero()) {
        return Err(Failure::lasting("az answered with a token that is empty or has ended"));
    }
    Ok((token, life.unwrap_or(DEFAULT_LIFE)))
}
