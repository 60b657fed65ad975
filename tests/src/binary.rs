//! Runs the binary under test: an environment of its own, a folder of its own, a deadline.
//!
//! The path comes from the caller, as `env!("CARGO_BIN_EXE_flux-mirror")` is known to the test
//! binary alone. Nothing of the caller's environment is passed on but what is named here.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::mode::{self, Note};
use crate::signals;

/// How long a call may take before it is killed and the test fails.
const DEADLINE: Duration = Duration::from_mins(1);
/// How often the memory of a call is looked at.
const SAMPLE: Duration = Duration::from_millis(20);
/// The most that is taken out of a pipe at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A binary with a folder that its calls share: working directory, HOME, configuration. A clone shares
/// the folder too.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    folder: Arc<TempDir>,
    environment: Vec<(OsString, OsString)>,
}

impl Binary {
    /// Gives `path` an empty folder. HOME is `home` in it, `DOCKER_CONFIG` `home/.docker`, and PATH
    /// begins with `bin` in it.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let folder = Arc::new(TempDir::new().expect("a temporary folder"));
        for sub in ["home/.docker", "bin"] {
            fs::create_dir_all(folder.path().join(sub)).expect("the folder can be written to");
        }
        let at = |sub: &str| folder.path().join(sub).into_os_string();
        let mut path_list = at("bin");
        path_list.push(":/usr/local/bin:/usr/bin:/bin");
        let environment = [
            ("HOME", at("home")),
            ("DOCKER_CONFIG", at("home/.docker")),
            ("PATH", path_list),
            ("RUST_BACKTRACE", "1".into()),
        ];
        let environment = environment.map(|(key, value)| (key.into(), value)).into();
        Self { path: path.as_ref().to_owned(), folder, environment }
    }

    /// Returns the folder: the working directory of every call.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder, with the folders it needs, and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        let parent = path.parent().expect("a file lies in a folder");
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, content));
        written.unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
        path
    }

    /// Writes a program, such as a credential helper, to where PATH begins.
    pub fn write_program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.write(&format!("bin/{name}"), script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        path
    }

    /// Writes the Docker configuration.
    pub fn write_docker_config(&self, config: &Value) -> PathBuf {
        self.write("home/.docker/config.json", config.to_string())
    }

    /// Sets a variable for every call from now on.
    pub fn set_env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.environment.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    /// Begins a call with these arguments.
    pub fn call<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let note = mode::direct(&mut command, self.folder.path());
        Call {
            command,
            note,
            folder: Arc::clone(&self.folder),
            stdin: None,
            unread: false,
            deadline: DEADLINE,
        }
    }
}

/// A call that is not yet made.
#[derive(Debug)]
pub struct Call {
    command: Command,
    note: Option<Note>,
    folder: Arc<TempDir>,
    stdin: Option<Vec<u8>>,
    unread: bool,
    deadline: Duration,
}

impl Call {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Gives it this on stdin; without, stdin is empty.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Leaves what it prints on stdout unread, as a pager does that nobody scrolls.
    #[must_use]
    pub fn unread(self) -> Self {
        Self { unread: true, ..self }
    }

    /// Has what it prints on stderr written to a file, as a process's log is.
    #[must_use]
    pub fn log_to(mut self, path: &Path) -> Self {
        let file = fs::File::create(path).expect("a log can be written");
        self.command.stderr(file);
        self
    }

    /// Lets it take longer than a minute.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Runs it to its end.
    pub async fn run(self) -> Finished {
        self.spawn().wait().await
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        if self.stdin.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {}: {error}", self.command.as_std().get_program().display())
        });
        if let (Some(input), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // One that does not read its input has its reasons.
            tokio::spawn(async move { drop(pipe.write_all(&input).await) });
        }
        let stdout = child.stdout.take().expect("stdout is piped");
        let (stdout, pipe) = if self.unread {
            (Collected::new(tokio::io::empty()), Some(stdout))
        } else {
            (Collected::new(stdout), None)
        };
        let stderr = match child.stderr.take() {
            Some(stderr) => Collected::new(stderr),
            None => Collected::new(tokio::io::empty()),
        };
        Running {
            child,
            note: self.note,
            stdout,
            stderr,
            started: Instant::now(),
            deadline: self.deadline,
            peak_bytes: None,
            _unread: pipe,
            _folder: self.folder,
        }
    }
}

/// What comes out of a pipe, read as it comes.
#[derive(Debug)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Collected {
    fn new(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&bytes);
        let reading = tokio::spawn(async move {
            let mut part = vec![0; CHUNK_BYTES];
            // A pipe of a process that was killed ends, or breaks; what came counts.
            while let Ok(length @ 1..) = pipe.read(&mut part).await {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend_from_slice(&part[..length]);
            }
        });
        Self { bytes, reading }
    }

    /// Returns what has come so far.
    fn so_far(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for the end of the pipe, which a grandchild may hold open: nobody waits long for that.
    async fn whole(mut self) -> String {
        drop(timeout(Duration::from_secs(5), &mut self.reading).await);
        self.so_far()
    }
}

/// A call that is under way; dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    note: Option<Note>,
    stdout: Collected,
    stderr: Collected,
    started: Instant,
    deadline: Duration,
    peak_bytes: Option<u64>,
    /// Held open, and never read.
    _unread: Option<ChildStdout>,
    /// Not removed under the feet of what runs in it.
    _folder: Arc<TempDir>,
}

impl Running {
    /// Returns the process's id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process was not waited for")
    }

    /// Returns the most resident memory that it has had so far, where the system tells.
    pub fn peak_bytes(&self) -> Option<u64> {
        high_water(&format!("/proc/{}/status", self.pid()))
    }

    /// Returns what it has printed on stdout so far.
    pub fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    /// Returns what it has printed on stderr so far; none of what goes to a log.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends SIGTERM, as Kubernetes does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGABRT, as a crash does, upon which the system may write a core dump.
    pub fn abort(&self) {
        self.signal(Signal::ABORT);
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it where it stands (SIGSTOP).
    pub fn freeze(&self) {
        self.child.id().into_iter().for_each(|id| signals::freeze(id, true));
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.child.id().into_iter().for_each(|id| signals::freeze(id, false));
    }

    /// Waits for its end.
    ///
    /// Panics, with all that it printed, when it has not ended by the deadline; it is killed then.
    pub async fn wait(mut self) -> Finished {
        let left = self.deadline.saturating_sub(self.started.elapsed());
        let ended = timeout(left, self.watch()).await;
        let elapsed = self.started.elapsed();
        if ended.is_err() {
            self.kill();
        }
        let status = self.child.wait().await.expect("a child can be waited for");
        let stdout = self.stdout.whole().await;
        let stderr = self.stderr.whole().await;
        let finished = Finished { status, stdout, stderr, elapsed, peak_bytes: self.peak_bytes };
        if let Some(note) = &self.note {
            note.write(&finished);
        }
        assert!(ended.is_ok(), "no end within {:?}\n{finished}", self.deadline);
        finished
    }

    /// Waits for its end and looks at its memory meanwhile.
    async fn watch(&mut self) {
        let status = format!("/proc/{}/status", self.pid());
        let mut ticks = interval(SAMPLE);
        loop {
            tokio::select! {
                _ = self.child.wait() => return,
                _ = ticks.tick() => self.peak_bytes = high_water(&status).or(self.peak_bytes),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        self.child.id().into_iter().for_each(|id| signals::send(id, signal));
    }
}

/// Reads the most resident memory that a process ever had, where the system tells.
fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
    /// How long it took.
    pub elapsed: Duration,
    /// The most resident memory it had, sampled every 20 ms; none where it was too fast for that.
    pub peak_bytes: Option<u64>,
}

impl Finished {
    /// Returns the exit code; none after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Asserts the exit code and shows what was printed where it is another.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Returns stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr, elapsed, .. } = self;
        writeln!(formatter, "{status} after {elapsed:?}\n--- stdout\n{stdout}")?;
        writeln!(formatter, "--- stderr\n{stderr}---")
    }
}

/// Waits until `condition` holds.
///
/// Panics when it does not within `patience`.
pub async fn eventually(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < patience, "not within {patience:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_has_an_environment_of_its_own() {
        let shell = Binary::new("/bin/sh");
        let call = shell.call(["-c", "cat; echo $HOME; pwd; env | wc -l >&2; exit 3"]);
        let done = call.env("A", "b").stdin("in ").run().await;
        let folder = shell.folder().display();
        assert_eq!(done.stdout, format!("in {folder}/home\n{folder}\n"));
        // HOME, DOCKER_CONFIG, PATH, RUST_BACKTRACE, A, and what a shell adds itself.
        assert!(done.stderr.trim().parse::<usize>().unwrap() <= 9, "{}", done.stderr);
        done.assert_code(3);
    }

    #[tokio::test]
    async fn what_a_call_has_printed_is_seen_while_it_runs() {
        let running = Binary::new("/bin/sh").call(["-c", "echo early; exec sleep 30"]).spawn();
        eventually("the line", DEADLINE, || running.stdout_so_far() == "early\n").await;
        running.kill();
        assert_eq!(running.wait().await.stdout, "early\n");
    }

    #[tokio::test]
    async fn a_call_can_be_killed() {
        let running = Binary::new("/bin/sleep").call(["30"]).spawn();
        running.kill();
        assert_eq!(running.wait().await.signal(), Some(9));
    }

    #[tokio::test]
    #[should_panic(expected = "no end within")]
    async fn a_call_without_an_end_fails_the_test() {
        let call = Binary::new("/bin/sleep").call(["30"]);
        call.deadline(Duration::from_millis(100)).run().await;
    }
}
