//! Docker's credential helpers: programs `docker-credential-<name>` that hold logins.
//!
//! A helper is asked `get` with the server on its stdin, by Docker's protocol, or told to `store` a login.
//! It has [`ANSWER_TIMEOUT`], is killed when nobody waits for it any longer, and what it writes is
//! bounded. Nothing that it printed as JSON appears in an error.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::cache::{Cache, Fresh};
use crate::program::{self, Ended, Programs};
use crate::{Credential, Secret};

mod store;

#[cfg(test)]
pub(crate) mod tests;

/// How long a helper may take: it may ask a cloud for a token, but nobody at a keyboard.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer is used. Helpers do not say how long their tokens live; those of clouds live
/// an hour at least and are renewed by the helper some minutes before their end.
const ANSWER_KEPT: Duration = Duration::from_mins(5);

/// What a helper prints when it has no login for a server, by docker-credential-helpers.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user that stands for "this is an identity token", by docker-credential-helpers.
pub(crate) const TOKEN_USER: &str = "<token>";

/// Runs helpers and remembers their answers.
#[derive(Debug)]
pub(crate) struct Helpers {
    programs: Programs,
    timeout: Duration,
    answers: Cache<Question, Option<Credential>, Arc<HelperError>>,
}

/// Whom to ask about what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// The helper's name, without `docker-credential-`.
    pub(crate) helper: String,
    /// The server, as the login was stored.
    pub(crate) server: String,
}

impl Question {
    /// Returns the helper's program.
    pub(crate) fn program(&self) -> String {
        format!("docker-credential-{}", self.helper)
    }
}

/// Why a credential helper gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The config's name for it could lead anywhere.
    #[error(
        "credential helper `{}` has a name of other characters than letters, digits, `.`, `_`, `-`",
        name.escape_default()
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Not installed here.
    #[error("{program} is not in PATH")]
    Missing {
        /// The program.
        program: String,
    },
    /// Found, but it cannot be run or talked to.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It hangs, or waits for somebody to type.
    #[error("{program} did not answer for `{server}` within {timeout:?}")]
    TimedOut {
        /// The program.
        program: String,
        /// What it was asked about.
        server: String,
        /// The time it had.
        timeout: Duration,
    },
    /// It says that it failed.
    #[error("{program} failed for `{server}` ({status}): {message}")]
    Failed {
        /// The program.
        program: String,
        /// What it was asked about.
        server: String,
        /// Its exit status.
        status: ExitStatus,
        /// The start of what it printed.
        message: String,
    },
    /// It answered something else than a login.
    #[error("{program} answered for `{server}` with something else than a username and a secret")]
    Answer {
        /// The program.
        program: String,
        /// What it was asked about.
        server: String,
    },
}

/// A helper's answer, by docker-credential-helpers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Secret,
}

impl Helpers {
    /// Takes the folders to search from `path`, the value of `PATH`.
    pub(crate) fn new(path: &str) -> Self {
        let programs = Programs::new(path);
        Self { programs, timeout: ANSWER_TIMEOUT, answers: Cache::default() }
    }

    /// Returns the helper's login for the server, if it has one. However many ask, the helper is
    /// asked once.
    pub(crate) async fn ask(
        &self,
        question: Question,
    ) -> Result<Option<Credential>, Arc<HelperError>> {
        let run = async {
            let value = self.run(&question).await.map_err(Arc::new)?;
            Ok(Fresh { value, kept: ANSWER_KEPT })
        };
        self.answers.get(question.clone(), run).await
    }

    async fn run(&self, question: &Question) -> Result<Option<Credential>, HelperError> {
        let ended = self.converse(question, "get", question.server.as_bytes()).await?;
        read(&ended, question.program(), &question.server)
    }

    /// Runs the helper with this verb and input, to its end or that of its time.
    async fn converse(
        &self,
        question: &Question,
        verb: &str,
        input: &[u8],
    ) -> Result<Ended, HelperError> {
        let Question { helper, server } = question;
        if !is_name(helper) {
            return Err(HelperError::Name { name: helper.clone() });
        }
        let program = question.program();
        let Some(path) = self.programs.find(&program).await else {
            return Err(HelperError::Missing { program });
        };
        match tokio::time::timeout(self.timeout, program::run(&path, &[verb], input)).await {
            Ok(Ok(ended)) => Ok(ended),
            Ok(Err(source)) => Err(HelperError::Run { program, source }),
            Err(_) => {
                let (server, timeout) = (server.clone(), self.timeout);
                Err(HelperError::TimedOut { program, server, timeout })
            }
        }
    }
}

/// Returns whether `name` may become part of a program's name.
fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(is_fit)
}

/// Understands what a helper printed.
fn read(ended: &Ended, program: String, server: &str) -> Result<Option<Credential>, HelperError> {
    let server = || server.to_owned();
    if !ended.status.success() {
        if ended.stdout.trim_ascii() == NOT_FOUND.as_bytes() {
            return Ok(None);
        }
        let (status, message) = (ended.status, ended.message());
        return Err(HelperError::Failed { program, server: server(), status, message });
    }
    match serde_json::from_slice(&ended.stdout) {
        Ok(Answer { secret, .. }) if secret.expose().is_empty() => Ok(None),
        Ok(Answer { username, secret: token }) if username == TOKEN_USER => {
            Ok(Some(Credential::IdentityToken { username, token }))
        }
        Ok(Answer { username, secret: password }) => {
            Ok(Some(Credential::Basic { username, password }))
        }
        // The parser's own message could show the secret.
        Err(_) => Err(HelperError::Answer { program, server: server() }),
    }
}
