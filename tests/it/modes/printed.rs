//! What a run printed, without what differs from run to run.

use std::fmt::Write as _;

use mirror_tests::binary::Finished;
use mirror_tests::mode::Run;

/// What stands before a port.
const LOOPBACK: &str = "127.0.0.1:";
/// Lines of a document that differ from run to run.
const OF_THE_MOMENT: [&str; 6] =
    ["\"timestamp\": ", "\"durationMs\": ", "\"age\": ", "timestamp: ", "durationMs: ", "age: "];
/// What stands around a number of seconds that differs from run to run: how far a clock is off.
const OFFSETS: [(&str, &str); 2] = [(" is ", " s ahead of "), (" is ", " s behind ")];

/// What a run printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    /// The exit code; none after a signal, or where nobody waited for the end.
    code: Option<i32>,
    /// Lines, sorted where they are no document's.
    lines: Vec<String>,
}

/// Takes what the runs of a test printed.
pub(super) fn all(runs: &[Run]) -> Vec<Printed> {
    runs.iter().map(Printed::of).collect()
}

impl Printed {
    fn of(run: &Run) -> Self {
        let code = run.finished.as_ref().and_then(Finished::code);
        // What was broken off says what it had come to.
        let said = run.finished.as_ref().filter(|_| code.is_some());
        let said = said.map_or("", |done| &done.stdout);
        let is_document = said.starts_with('{') || said.starts_with("apiVersion: ");
        let said = told(&named(said, &ports(&run.config)));
        let mut lines: Vec<String> = if is_document {
            said.lines().filter(|line| !is_of_the_moment(line)).map(str::to_owned).collect()
        } else {
            // The summary ends with how long it took.
            said.lines()
                .map(|line| match line.strip_prefix("Summary: ") {
                    Some(_) => line.rsplit_once(" in ").map_or(line, |(sum, _)| sum).to_owned(),
                    None => line.to_owned(),
                })
                .collect()
        };
        if !is_document {
            lines.sort_unstable();
        }
        Self { code, lines }
    }

    /// Asserts that it is what the other printed.
    #[track_caller]
    pub(super) fn assert_like(&self, here: &Self) {
        let list = |of: &Self| format!("exit code {:?}\n{}\n", of.code, of.lines.join("\n"));
        assert!(self == here, "--- in process\n{}--- over the fleet\n{}", list(here), list(self));
    }
}

fn is_of_the_moment(line: &str) -> bool {
    OF_THE_MOMENT.iter().any(|key| line.trim_start().starts_with(key))
}

/// Leaves out by how many seconds a clock is off.
fn told(text: &str) -> String {
    let line = |line: &str| {
        let parts = OFFSETS.iter().find_map(|(before, after)| {
            let (head, tail) = line.split_once(after)?;
            let (begin, seconds) = head.rsplit_once(before)?;
            seconds.parse::<u64>().ok()?;
            Some(format!("{begin}{before}…{after}{tail}"))
        });
        parts.unwrap_or_else(|| line.to_owned())
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The ports that a config names, in order of their first mention.
fn ports(config: &str) -> Vec<&str> {
    let mut ports = Vec::new();
    for (_, port) in mentions(config) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// Replaces ports by names: by their place in the config, and others all by the same.
fn named(text: &str, ports: &[&str]) -> String {
    let (mut named, mut end) = (String::new(), 0);
    for (begin, port) in mentions(text) {
        named += &text[end..begin];
        let place = ports.iter().position(|known| *known == port);
        match place {
            Some(place) => write!(named, "PORT{place}"),
            None => write!(named, "PORT"),
        }
        .expect("a String takes all");
        end = begin + port.len();
    }
    named + &text[end..]
}

/// Each port that a text mentions, with where it stands.
fn mentions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(LOOPBACK).map(|(at, before)| {
        let begin = at + before.len();
        let rest = &text[begin..];
        let length = rest.find(|one: char| !one.is_ascii_digit()).unwrap_or(rest.len());
        (begin, &rest[..length])
    })
}

#[test]
fn ports_are_named_by_the_config() {
    let ports = ports("a: 127.0.0.1:4000/app, b: 127.0.0.1:3000/app, c: 127.0.0.1:4000");
    assert_eq!(ports, ["4000", "3000"]);
    let text = "127.0.0.1:3000 and http://127.0.0.1:4000/v2/ and 127.0.0.1:5000";
    let expected = "127.0.0.1:PORT1 and http://127.0.0.1:PORT0/v2/ and 127.0.0.1:PORT";
    assert_eq!(named(text, &ports), expected);
}

#[test]
fn how_far_a_clock_is_off_is_left_out() {
    let text = "the clock of PORT0 is 99 s behind this machine's\nit is 9 s";
    assert_eq!(told(text), "the clock of PORT0 is … s behind this machine's\nit is 9 s");
}
