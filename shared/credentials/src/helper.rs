//! Docker's credential helpers: programs `docker-credential-<name>` that hold logins.
//!
//! A helper is asked `get` with the server on its stdin, by Docker's protocol, or told to `store` a login. It has
//! [`ANSWER_TIMEOUT`], is killed when nobody waits for it any longer, and what it writes is
//! bounded. Nothing that it printed as JSON appears in an error.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::cache::{Cache, Fresh};
use crate::{Credential, Secret};

mod store;

#[cfg(test)]
pub(crate) mod tests;

/// How long a helper may take: it may ask a cloud for a token, but nobody at a keyboard.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer is used. Helpers do not say how long their tokens live; those of clouds live
/// an hour at least and are renewed by the helper some minutes before their end.
const ANSWER_KEPT: Duration = Duration::from_mins(5);

/// The most that is read of a helper's answer: no server takes headers that are larger.
const ANSWER_BYTES: usize = 64 * 1024;

/// The most of a helper's message that an error repeats: a line or two of a terminal.
const MESSAGE_CHARS: usize = 200;

/// What a helper prints when it has no login for a server, by docker-credential-helpers.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user that stands for "this is an identity token", by docker-credential-helpers.
pub(crate) const TOKEN_USER: &str = "<token>";

/// Runs helpers and remembers their answers.
#[derive(Debug)]
pub(crate) struct Helpers {
    folders: Vec<PathBuf>,
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

/// How a helper ended, and what it printed.
struct Ended {
    status: ExitStatus,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Zeroizing<Vec<u8>>,
}

impl Helpers {
    /// Takes the folders to search from `path`, the value of `PATH`. Relative ones are left out:
    /// what lies in the working directory is no helper.
    pub(crate) fn new(path: &str) -> Self {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Self { folders, timeout: ANSWER_TIMEOUT, answers: Cache::default() }
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
        ended.read(question.program(), &question.server)
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
        let Some(path) = self.find(&program).await else {
            return Err(HelperError::Missing { program });
        };
        match tokio::time::timeout(self.timeout, converse(&path, verb, input)).await {
            Ok(Ok(ended)) => Ok(ended),
            Ok(Err(source)) => Err(HelperError::Run { program, source }),
            Err(_) => {
                let (server, timeout) = (server.clone(), self.timeout);
                Err(HelperError::TimedOut { program, server, timeout })
            }
        }
    }

    /// Returns where `program` is. As many looks as `PATH` has folders.
    async fn find(&self, program: &str) -> Option<PathBuf> {
        for folder in &self.folders {
            let path = folder.join(program);
            let metadata = tokio::fs::metadata(&path).await;
            if metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0) {
                return Some(path);
            }
        }
        None
    }
}

/// Returns whether `name` may become part of a program's name.
fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(is_fit)
}

/// Runs the helper to its end. Killed when dropped.
async fn converse(program: &Path, verb: &str, input: &[u8]) -> io::Result<Ended> {
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        match stdin.write_all(input).await {
            // It need not listen.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            told => told,
        }
    };
    let ((), stdout, stderr) = tokio::try_join!(tell, drain(stdout), drain(stderr))?;
    Ok(Ended { status: child.wait().await?, stdout, stderr })
}

/// Reads to the end and keeps the first [`ANSWER_BYTES`]: a login that is cut there is no JSON.
async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Never grows, so that it leaves no copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(ANSWER_BYTES as u64).read_to_end(&mut bytes).await?;
        // Within the time-out: a program that cannot print does not end.
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

impl Ended {
    /// Understands what the helper printed.
    fn read(self, program: String, server: &str) -> Result<Option<Credential>, HelperError> {
        let Self { status, stdout, stderr } = self;
        let server = || server.to_owned();
        if !status.success() {
            if stdout.trim_ascii() == NOT_FOUND.as_bytes() {
                return Ok(None);
            }
            let message = said(&stdout, &stderr, |_| true);
            return Err(HelperError::Failed { program, server: server(), status, message });
        }
        match serde_json::from_slice(&stdout) {
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
}

/// Returns why a helper failed, by what it printed and may be shown.
fn said(stdout: &[u8], stderr: &[u8], may_be_shown: impl Fn(&str) -> bool) -> String {
    let said = [stdout, stderr].into_iter().find_map(message);
    let said = said.filter(|message| may_be_shown(message));
    said.unwrap_or_else(|| "it does not say why".to_owned())
}

/// Returns the first line of what was printed, if it says something and cannot be a login.
fn message(printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(printed);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let is_login = text.contains('{');
    (!is_login).then(|| line.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect())
}
