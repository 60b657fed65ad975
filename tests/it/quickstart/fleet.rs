//! The demo of a fleet, `examples/fleet/run.sh`: it ends well, says so itself, and leaves nothing behind.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mirror_tests::binary::{Binary, Call, eventually};
use mirror_tests::servers::program;

/// How long the demo may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(6);

/// The demo, with the programs that are there, in a temporary folder of its own. None where it cannot run.
#[expect(clippy::print_stderr, reason = "whoever reads why a test says little, reads it here")]
fn demo() -> Option<(Binary, Call)> {
    if !Command::new("python3").arg("--version").output().is_ok_and(|done| done.status.success()) {
        eprintln!("python3 is not here: the demo of a fleet is not run");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fleet/run.sh");
    let bash = Binary::new("bash");
    let servers = program("registry").parent().expect("a program lies in a folder").to_owned();
    let folder = bash.folder().join("temporary");
    fs::create_dir(&folder).expect("the folder can be made");
    // The pipe of a grandchild that was left behind would be held open: a file tells all the same.
    let quoted = |path: &Path| format!("'{}'", path.display());
    let command = format!("exec {} >{}", quoted(&script), quoted(&bash.folder().join("output")));
    let call = bash
        .call(["-c", &command])
        .env("FLEET_PROGRAM", env!("CARGO_BIN_EXE_flux-mirror"))
        .env("TEST_SERVERS", servers)
        .env("TMPDIR", &folder)
        .deadline(PATIENCE);
    Some((bash, call))
}

fn output(bash: &Binary) -> String {
    fs::read_to_string(bash.folder().join("output")).unwrap_or_default()
}

/// What the demo left in its temporary folder.
fn left_behind(bash: &Binary) -> Vec<PathBuf> {
    let left = fs::read_dir(bash.folder().join("temporary")).expect("the folder is there");
    left.flatten().map(|entry| entry.path()).collect()
}

/// Asserts that nobody listens where the demo said that its servers do, and that its files are gone.
#[track_caller]
fn assert_clean(bash: &Binary, said: &str) {
    let ports = said.split("127.0.0.1:").skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u16>().expect("a port")
    });
    let ports: Vec<u16> = ports.collect();
    assert!(ports.len() >= 4, "{said}");
    for port in ports {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "somebody listens at {port}");
    }
    assert_eq!(left_behind(bash), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_fleet_that_loses_a_worker_and_its_leader_mirrors_every_tag_once() {
    let Some((bash, call)) = demo() else { return };
    let done = call.run().await;
    let said = output(&bash);
    assert_eq!(done.code(), Some(0), "{said}\n{done}");
    let lines: Vec<&str> = said.lines().collect();
    let has = |line: &str| assert!(lines.contains(&line), "no line `{line}` in\n{said}");
    has("exit code     0");
    has("report        200 rows for 200 tags: 200 copied");
    for part in ["Summary: 200 copied in ", "a dry run     Summary: 200 skipped in "] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "no `{part}…` in\n{said}");
    }
    for part in ["tags mirrored: worker eu-1 is killed", "tags mirrored: the leader is killed"] {
        assert!(lines.iter().any(|line| line.contains(part)), "no `{part}` in\n{said}");
    }
    assert_clean(&bash, &said);
}

#[tokio::test]
async fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    let Some((bash, call)) = demo() else { return };
    let running = call.spawn();
    eventually("the workers are started", PATIENCE, || output(&bash).contains("workers ")).await;
    // Not SIGINT: where the tests run in the background of a shell, that is ignored, and no script may trap
    // what was ignored when it began.
    running.terminate();
    let done = running.wait().await;
    assert_eq!(done.code(), Some(143), "{done}");
    assert_clean(&bash, &output(&bash));
}
