//! The fleet that all tests share: one nats-server, one coordinator, two workers, with the usual times.
//!
//! It is started by the first test that wants it and ends with the test binary, however that ends. A
//! static is not dropped, so the processes are the children of a shell that reads its commands from a
//! pipe of this process: when the pipe closes, the shell kills them and removes their folder. It is
//! in a group of its own, so that Ctrl-C does not take it before its children.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mirror_tests::binary::{Binary, eventually};
use mirror_tests::servers::program;
use mirror_tests::{nats, ports};
use tokio::sync::OnceCell;

use crate::sigstore::roots;

/// How long a fleet may take to be there, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of a process's log that are shown when a test fails.
const SHOWN: usize = 40;
/// Workers, with as many slots each as tests may hold jobs back.
const WORKERS: usize = 2;

/// Reads commands, each a line, and does them at once; at the end of its input it ends them all.
const KEEPER: &str = r#"
folder=$1 children=
while read -r line; do
    eval "exec $line" &
    children="$children $!"
done
for child in $children; do kill -9 "$child"; done
wait
rm -rf "$folder"
"#;

static FLEET: OnceCell<Shared> = OnceCell::const_new();

/// Returns the fleet, started if it is not there yet.
pub(super) async fn fleet() -> Guard {
    Guard { shared: FLEET.get_or_init(Shared::start).await, is_well: false }
}

/// The fleet.
struct Shared {
    folder: PathBuf,
    coordinator: String,
    /// Held open until this process ends.
    _keeper: Child,
}

/// The fleet, for one test: where that fails, the logs are shown.
pub(super) struct Guard {
    shared: &'static Shared,
    is_well: bool,
}

impl Guard {
    /// Returns the coordinator's address, as `--coordinator` takes it.
    pub(super) fn coordinator(&self) -> String {
        self.shared.coordinator.clone()
    }

    /// The test is over, and well.
    pub(super) fn went_well(mut self) {
        self.is_well = true;
    }
}

#[expect(clippy::print_stderr, reason = "where what a failed test has to say is shown")]
impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_well {
            return;
        }
        let processes = (0..WORKERS).map(|index| format!("worker-{index}"));
        for process in processes.chain(["coordinator".to_owned()]) {
            let text = std::fs::read_to_string(log(&self.shared.folder, &process));
            let text = text.unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN)..];
            eprintln!("--- {process}\n{}", last.join("\n"));
        }
    }
}

impl Shared {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        // Nothing of the environment of the tests: no proxies, no credentials.
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .env_clear()
            .env("HOME", &folder)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("RUST_BACKTRACE", "1")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        let pipe = keeper.stdin.as_mut().expect("stdin is piped");
        let mut run = |process: &str, program: &Path, arguments: &str| {
            let (program, log) = (program.display(), log(&folder, process));
            writeln!(pipe, "'{program}' {arguments} >'{}' 2>&1", log.display())
                .expect("the shell reads");
        };

        let (queue, port) = (ports::free().port(), ports::free().port());
        let server = program("nats-server");
        let config = folder.join("nats.conf");
        std::fs::write(&config, nats::with_room(&folder.join("nats"))).expect("our own folder");
        run("nats", &server, &format!("-a 127.0.0.1 -p {queue} -c '{}'", config.display()));
        let is_up = || std::net::TcpStream::connect(("127.0.0.1", queue)).is_ok();
        eventually("nats-server listens", PATIENCE, is_up).await;

        let root = folder.join("trusted_root.json");
        std::fs::write(&root, roots::of_the_fleet().await.to_string()).expect("our own folder");
        let mirror = Path::new(env!("CARGO_BIN_EXE_flux-mirror"));
        let coordinator = format!("http://127.0.0.1:{port}");
        let nats = format!("--nats=nats://127.0.0.1:{queue}");
        run(
            "coordinator",
            mirror,
            &format!(
                "coordinator {nats} --listen=127.0.0.1:{port} --log-level=debug \
                 '--trusted-root={}'",
                root.display()
            ),
        );
        for index in 0..WORKERS {
            let process = format!("worker-{index}");
            let arguments = format!(
                "worker {nats} --coordinator={coordinator} --concurrency=32 --log-level=debug"
            );
            run(&process, mirror, &arguments);
        }
        let shared = Self { folder, coordinator, _keeper: keeper };
        shared.leads().await;
        shared
    }

    /// Waits until the coordinator answers.
    async fn leads(&self) {
        let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        let coordinator = format!("--coordinator={}", self.coordinator);
        let asked = async {
            loop {
                let done = mirror.call(["runs", "list", &coordinator]).run().await;
                if done.code() == Some(0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("the coordinator answers");
    }
}

fn log(folder: &Path, process: &str) -> PathBuf {
    folder.join(format!("{process}.log"))
}
