//! Terminals: colours, `NO_COLOR`, and progress that is there while it goes on and gone at the end.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Image, noise};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::World;

const COLUMNS: u16 = 80;

/// Which streams are the terminal; others are pipes that nobody looks at.
#[derive(Clone, Copy)]
struct On {
    stdout: bool,
    stderr: bool,
    /// Whether Ctrl-C is pressed once there is progress to be seen.
    keys: bool,
}

/// Runs `sync` with a terminal of 80×24 and returns what it got, byte for byte.
async fn shown(world: &World, on: On, flags: &[&str], no_color: Option<&str>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-mirror"));
    command.args(["sync", "mirror.yaml"]).args(flags);
    command.env_clear().env("TERM", "xterm-256color").env("HOME", world.mirror.folder());
    command.current_dir(world.mirror.folder()).stdin(Stdio::null());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
    let size = Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).expect("a terminal has a size");
    let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
    let name = name.into_string().expect("a path in /dev/pts");
    let slave = || File::options().read(true).write(true).open(&name).expect("a terminal");
    let stream = |terminal: bool| if terminal { Stdio::from(slave()) } else { Stdio::null() };
    command.stdout(stream(on.stdout)).stderr(stream(on.stderr));
    let mut child = command.spawn().expect("the program runs");
    // With the command its ends of the terminal go, and reading comes to an end.
    drop(command);
    let reader = File::from(master);
    let mut keys = reader.try_clone().expect("a terminal can be shared");
    let shown = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let mut is_due = on.keys;
        // Linux ends a terminal that nobody holds any more by an error.
        for byte in BufReader::new(reader).bytes().map_while(Result::ok) {
            bytes.push(byte);
            if is_due && bytes.ends_with(b"0/1 tags") {
                // The terminal shows it as `^C`, and as it is no controlling terminal, no signal comes
                // of it.
                keys.write_all(b"\x03").expect("a terminal takes keys");
                is_due = false;
            }
        }
        child.wait().expect("a child can be waited for");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    shown.await.expect("all of it was read")
}

const BOTH: On = On { stdout: true, stderr: true, keys: false };

#[tokio::test]
async fn marks_are_coloured_on_a_terminal_and_text_is_not() {
    let world = World::new();
    let text = shown(&world, BOTH, &["--no-progress"], None).await;
    let (from, to) = (world.source.host(), world.destination.host());
    for line in [
        format!("\x1b[32m✓\x1b[39m {from}/app:a-new (copied)\r\n"),
        format!("\x1b[2m→\x1b[0m {to}/mirror/app:a-new\r\n"),
        format!("\x1b[33m!\x1b[39m {from}/app:c-moved (drifted)\r\n"),
        format!("\x1b[31m✗\x1b[39m {from}/absent — plan failed: "),
    ] {
        assert!(text.contains(&line), "{line:?} is not in {text:?}");
    }
}

#[tokio::test]
async fn no_color_takes_colours_away_unless_it_is_empty() {
    let world = World::new();
    let text = shown(&world, BOTH, &["--no-progress"], Some("1")).await;
    assert!(text.contains("(copied)") && !text.contains('\x1b'), "{text:?}");
    let text = shown(&world, BOTH, &["--no-progress"], Some("")).await;
    assert!(text.contains("\x1b[32m✓"), "{text:?}");
}

#[tokio::test]
async fn a_stream_that_is_no_terminal_gets_no_escape_codes_though_the_other_is_one() {
    let world = World::new();
    let text = shown(&world, On { stdout: true, stderr: false, keys: false }, &[], None).await;
    // Colours of marks, and no progress: that is for stderr.
    assert!(text.contains("\x1b[32m✓") && !text.contains("tags"), "{text:?}");
    let text =
        shown(&world, On { stdout: false, stderr: true, keys: false }, &["--no-progress"], None)
            .await;
    assert_eq!(text, "");
}

/// A world with one tag of 1 MiB behind a line of 512 KiB a second.
fn narrow() -> (World, Proxy) {
    let world = World::new();
    let sample = Image::new().layer(noise("large", 1024 * 1024)).build();
    world.source.store().push("large/name", "1.0.0", &sample);
    let options = ProxyOptions { bytes_per_second: Some(512 * 1024), ..ProxyOptions::default() };
    let proxy = Proxy::start(&world.source.host(), options);
    world.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - source: \
             {}/large/name\n    destination: {}/large\n",
            proxy.host(),
            world.destination.host()
        ),
    );
    (world, proxy)
}

/// Takes about two seconds: that long the narrow line needs.
#[tokio::test]
async fn progress_shows_a_line_for_the_job_and_one_for_the_whole_and_is_gone_at_the_end() {
    let (world, proxy) = narrow();
    let text = shown(&world, On { stdout: false, stderr: true, keys: false }, &[], Some("1")).await;
    drop(proxy);
    // Of a name that is too long the end is shown.
    for part in ["…", "/large/name:1.0.0 ", "0/1 tags", " KiB/1.00 MiB ", "/s ", " left", " sent"]
    {
        assert!(text.contains(part), "{part} is not in {text:?}");
    }
    let end = screen(&text);
    assert!(end.iter().all(String::is_empty), "{end:?}");
}

#[tokio::test]
async fn progress_is_gone_at_the_end_though_the_terminal_showed_a_key_in_it() {
    let (world, _proxy) = narrow();
    let on = On { stdout: false, stderr: true, keys: true };
    let text = shown(&world, on, &[], Some("1")).await;
    assert!(text.contains("^C"), "{text:?}");
    let end = screen(&text);
    assert!(end.iter().all(String::is_empty), "{end:?}");
}

#[tokio::test]
async fn lines_stand_above_the_progress_and_stay() {
    let (world, proxy) = narrow();
    let text = shown(&world, BOTH, &[], Some("1")).await;
    assert!(text.contains("0/1 tags"), "{text:?}");
    let end: Vec<String> = screen(&text).into_iter().filter(|line| !line.is_empty()).collect();
    let [row, arrow, summary] = &end[..] else { panic!("{end:?}") };
    assert_eq!(*row, format!("✓ {}/large/name:1.0.0 (copied)", proxy.host()));
    assert_eq!(*arrow, format!("→ {}/large:1.0.0", world.destination.host()));
    assert!(summary.starts_with("Summary: 1 copied in "), "{summary}");
}

#[tokio::test]
async fn verbose_and_no_progress_show_none() {
    for flags in [["--verbose"], ["--no-progress"]] {
        let world = World::new();
        let text =
            shown(&world, On { stdout: false, stderr: true, keys: false }, &flags, None).await;
        assert!(!text.contains('\x1b') && !text.contains(" tags, "), "{text:?}");
    }
}

/// What is left on a screen after these bytes, as far as progress uses a terminal: lines, moving up,
/// returning, clearing a line or all that is below.
fn screen(text: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                assert_eq!(rest.next(), Some('['), "{text:?}");
                let mut number = String::new();
                let end = loop {
                    match rest.next() {
                        Some(digit) if digit.is_ascii_digit() || digit == '?' => number.push(digit),
                        Some(end) => break end,
                        None => panic!("half an escape code in {text:?}"),
                    }
                };
                let count = number.parse::<usize>().unwrap_or(1);
                match end {
                    'A' => row = row.saturating_sub(count),
                    'B' => row += count,
                    'K' => lines[row].clear(),
                    'J' => lines.truncate(row),
                    'm' | 'h' | 'l' => {}
                    other => panic!("an escape code that is not known: {other:?} in {text:?}"),
                }
            }
            _ => {
                // The cursor stays behind the last column until there is more to write.
                if column == usize::from(COLUMNS) {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = one;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    let text = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
    lines.into_iter().map(text).collect()
}
