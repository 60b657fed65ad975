//! Programs that hold logins: found in `PATH`, run to their end, killed when nobody waits for them, and what
//! they print is bounded.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

/// The most that is read of an answer: no server takes headers that are larger.
const ANSWER_BYTES: usize = 64 * 1024;

/// The most of a program's message that an error repeats: a line or two of a terminal.
const MESSAGE_CHARS: usize = 200;

/// Where programs are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) folders: Vec<PathBuf>,
}

/// How a program ended, and what it printed.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Zeroizing<Vec<u8>>,
    pub(crate) stderr: Zeroizing<Vec<u8>>,
}

impl Programs {
    /// Takes the folders from `path`, the value of `PATH`. Relative ones are left out: what lies in the
    /// working directory is no helper.
    pub(crate) fn new(path: &str) -> Self {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Self { folders }
    }

    /// Returns where `program` is. As many looks as `PATH` has folders.
    pub(crate) async fn find(&self, program: &str) -> Option<PathBuf> {
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

/// Runs a program to its end, with `input` on its stdin. Killed when dropped.
pub(crate) async fn run(program: &Path, arguments: &[&str], input: &[u8]) -> io::Result<Ended> {
    let mut child = Command::new(program)
        .args(arguments)
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
    /// Says why it failed, as far as it says so.
    pub(crate) fn message(&self) -> String {
        self.message_if(|_| true)
    }

    /// Says why it failed, as far as it says so and what it printed may be shown: all of it is judged, since
    /// a part of it is enough to give something away.
    pub(crate) fn message_if(&self, may_be_shown: impl Fn(&str) -> bool) -> String {
        let printed = [&self.stdout, &self.stderr];
        let is_fine = printed.iter().all(|all| may_be_shown(&String::from_utf8_lossy(all)));
        let said = message(&self.stdout).or_else(|| message(&self.stderr)).filter(|_| is_fine);
        said.unwrap_or_else(|| "it does not say why".to_owned())
    }
}

/// Returns the first line of what was printed, if it says something and cannot be a login.
fn message(printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(printed);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let is_login = text.contains('{');
    (!is_login).then(|| line.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect())
}
