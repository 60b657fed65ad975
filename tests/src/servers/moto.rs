//! moto: the interfaces of AWS as somebody else understands them, in Python. It checks no signature.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::{Process, folder};
use super::programs;
use crate::digest::sha256;
use crate::pki::Pki;
use crate::ports;

/// What it says once it listens, followed by the port.
const RUNNING: &str = "Running on https://127.0.0.1:";

/// A server that is running, over TLS.
#[derive(Debug)]
pub struct Moto {
    process: Process,
}

impl Moto {
    /// Starts one by the server's certificate of `pki`; nothing where Python or its packages are not to be
    /// had, which it says.
    pub async fn start(pki: &Pki) -> Option<Self> {
        let program = installed()?;
        let (certificate, key) = pki.server();
        let mut command = Command::new(program);
        let own = ports::free().port().to_string();
        command.args(["-H", "127.0.0.1", "-p", &own, "-c"]).arg(certificate).arg("-k").arg(key);
        Some(Self { process: Process::start_until(command, folder(), port).await })
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.process.host()
    }

    /// Returns how many questions it has answered, and nothing but them: 200.
    #[track_caller]
    pub fn answered(&self) -> usize {
        let output = self.process.output();
        let asked: Vec<&str> = output.lines().filter(|line| line.contains(" HTTP/1.1\"")).collect();
        assert!(asked.iter().all(|line| line.contains("\"POST / HTTP/1.1\" 200")), "{output}");
        asked.len()
    }
}

fn port(output: &str) -> Option<u16> {
    let rest = &output[output.find(RUNNING)? + RUNNING.len()..];
    rest[..rest.find(|char: char| !char.is_ascii_digit())?].parse().ok()
}

/// Returns the path of the program, installed from the packages' index if need be: once a checkout, by one.
#[expect(clippy::print_stderr, reason = "whoever reads why a test says little, reads it here")]
fn installed() -> Option<PathBuf> {
    let wanted = programs::sources().join("moto/requirements.txt");
    let stamp = sha256(&fs::read(&wanted).expect("it is in the checkout"));
    let home = programs::folder().join("moto");
    fs::create_dir_all(&home).expect("the target folder can be written to");
    let lock = File::create(home.join(".lock")).expect("the target folder can be written to");
    lock.lock().expect("a file can be locked");
    let program = home.join("bin/moto_server");
    if fs::read_to_string(home.join(".stamp")).is_ok_and(|it| it == stamp) && program.is_file() {
        return Some(program);
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&home)).and_then(|()| {
        let mut pip = Command::new(home.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--no-input", "--requirement"]).arg(&wanted))
    });
    if let Err(why) = made {
        eprintln!("moto is not here, and what AWS's interfaces answer is not seen: {why}");
        return None;
    }
    fs::write(home.join(".stamp"), stamp).expect("the target folder can be written to");
    Some(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).display().to_string();
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("cannot run {program}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program} ended {}: {}", done.status, said.trim()))
}
