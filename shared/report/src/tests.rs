//! What a run looks like, in every mode, over the sample.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::ProgressDrawTarget;
use insta::assert_snapshot;
use mirror_model::{Event, Observer as _, ReferrerRow, Report, Status, Warning};

use crate::document::{render_json, render_yaml};
use crate::names::EntryNames;
use crate::output::{Format, Live, Output, OutputOptions, RunStart, StreamKind};
use crate::sample;
use crate::screen::Screen;
use crate::terminal::Terminal;

/// A stream that can be looked at.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that has gone.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that does not read until it is told to.
struct Stopped(Receiver<()>, Shared);

impl Write for Stopped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An error says that the sender has gone: from then on there is no waiting.
        self.0.recv().unwrap_or_default();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn plain(format: Format, live: Live) -> OutputOptions {
    OutputOptions { format, live, stdout: StreamKind::Plain, stderr: StreamKind::Plain }
}

pub(crate) fn start() -> RunStart {
    RunStart {
        entries: sample::report()
            .entries
            .into_iter()
            .map(|entry| EntryNames { source: entry.source, destination: entry.destination })
            .collect(),
        concurrency: Some(4.try_into().unwrap()),
        retries: 3,
        timeout: Duration::from_secs(300),
    }
}

/// Shows the sample and returns what stdout and stderr got.
fn shown(format: Format, live: Live) -> (String, String) {
    let (stdout, stderr) = (Shared::default(), Shared::default());
    let options = plain(format, live);
    let output = Output::new(options, stdout.clone(), stderr.clone(), sample::now).unwrap();
    output.begin(start());
    for event in sample::events() {
        output.observe(event);
    }
    output.finish(&sample::report(), &sample::meta()).unwrap();
    (stdout.text(), stderr.text())
}

#[test]
fn text_mode_has_lines_on_stdout_and_warnings_on_stderr() {
    let (stdout, stderr) = shown(Format::Text, Live::Progress);
    assert_snapshot!(stdout, @r#"
    ✓ ghcr.io/foo/bar:2.0.0 (skipped: signature-too-new)
    → localhost:5050/bar:2.0.0
    ✓ ghcr.io/foo/bar:1.0 (copied)
    → localhost:5050/bar:1.0
    ✓ ghcr.io/foo/bar:0.9 (overwritten)
    → localhost:5050/bar:0.9
    ✓ ghcr.io/foo/bar:0.8 (skipped)
    → localhost:5050/bar:0.8
    ! ghcr.io/foo/bar:no (drifted)
    → localhost:5050/bar:no
    ✓ ghcr.io/foo/bar:0.6 (would-copy)
    → localhost:5050/bar:0.6
    ✓ ghcr.io/foo/bar:0.5 (would-overwrite)
    → localhost:5050/bar:0.5
    ✗ ghcr.io/foo/bar:0.4 — copy blob: localhost:5050 answered 400\u{1b}[31m: yes, "no"\u{202e}
    → localhost:5050/bar:0.4
    ✓ https://charts.example/podinfo:6.0.0+build.1 (copied)
    → localhost:5050/charts/podinfo:6.0.0_build.1
    ✗ ghcr.io/foo/gone — plan failed: NAME_UNKNOWN
    Summary: 2 copied, 1 overwritten, 2 skipped, 1 drifted, 1 would-copy, 1 would-overwrite, 2 failed in 4.213s.
    "#);
    assert_snapshot!(stderr, @r#"
    ! ghcr.io warns: goes away in May
    ! ghcr.io/foo/none: no tag is selected
    "#);
}

#[test]
fn verbose_mode_has_the_log_on_stderr_and_nothing_on_stdout() {
    let (stdout, stderr) = shown(Format::Text, Live::Verbose);
    assert_eq!(stdout, "");
    assert_snapshot!(stderr, @r#"
    2026/05/13 09:00:00 sync started entries=4 concurrency=4 retries=3 timeout=5m0s
    2026/05/13 09:00:00 mirroring tag src=ghcr.io/foo/bar:1.0 dst=localhost:5050/bar:1.0
    2026/05/13 09:00:00 Copying from ghcr.io/foo/bar:1.0 to localhost:5050/bar:1.0
    2026/05/13 09:00:00 pushed blob: sha256:0707070707070707070707070707070707070707070707070707070707070707
    2026/05/13 09:00:00 existing blob: sha256:0707070707070707070707070707070707070707070707070707070707070707
    2026/05/13 09:00:00 mounted blob: sha256:0707070707070707070707070707070707070707070707070707070707070707
    2026/05/13 09:00:00 job failed, retrying src=ghcr.io/foo/bar:1.0 attempt=1 delay=1.5s error="copy blob: localhost:5050 answered 400\x1b[31m: yes, \"no\"\u202e"
    2026/05/13 09:00:00 pushed manifest: sha256:0808080808080808080808080808080808080808080808080808080808080808 mediaType=application/vnd.oci.image.manifest.v1+json
    2026/05/13 09:00:00 updating fallback tag sha256-0909090909090909090909090909090909090909090909090909090909090909 with new referrer
    2026/05/13 09:00:00 fallback tag sha256-0909090909090909090909090909090909090909090909090909090909090909 already had referrer
    2026/05/13 09:00:00 registry warning host=ghcr.io message="goes away in May"
    ! ghcr.io warns: goes away in May
    2026/05/13 09:00:00 registry warning host=ghcr.io message="goes away in May"
    2026/05/13 09:00:00 token realm on another host host=ghcr.io realm=https://auth.example/token
    ! ghcr.io/foo/none: no tag is selected
    2026/05/13 09:00:00 version excluded by selector src=https://charts.example/podinfo version=5.0.0 reason=semver
    2026/05/13 09:00:00 index entry passed over src=https://charts.example/podinfo version=nightly reason="its version is none"
    2026/05/13 09:00:00 index entry passed over src=https://charts.example/podinfo reason="its version is none"
    2026/05/13 09:00:00 more versions excluded by selector src=https://charts.example/podinfo versions=70
    2026/05/13 09:00:00 planning stops here src=ghcr.io/foo/bar:0.7.0 tagsLeft=3
    2026/05/13 09:00:00 entry planned entry=0 tags=8
    2026/05/13 09:00:00 signature too new; skipping tag src=ghcr.io/foo/bar:2.0.0 age=47h13m11s minAge=48h0m0s
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:2.0.0 status=skipped elapsed=812ms reason=signature-too-new
    2026/05/13 09:00:00 referrer done src=ghcr.io/foo/bar:1.0 digest=sha256:0101010101010101010101010101010101010101010101010101010101010101 artifactType=application/vnd.dev.sigstore.bundle.v0.3+json status=copied
    2026/05/13 09:00:00 referrer done src=ghcr.io/foo/bar:1.0 digest=sha256:0202020202020202020202020202020202020202020202020202020202020202 status=skipped reason=up-to-date
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:1.0 status=copied elapsed=812ms
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:0.9 status=overwritten elapsed=812ms
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:0.8 status=skipped elapsed=812ms reason=up-to-date
    2026/05/13 09:00:00 destination tag drifted from source src=ghcr.io/foo/bar:no dst=localhost:5050/bar:no digest=sha256:abababababababababababababababababababababababababababababababab
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:no status=drifted elapsed=812ms
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:0.6 status=would-copy elapsed=812ms
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:0.5 status=would-overwrite elapsed=812ms
    2026/05/13 09:00:00 tag done src=ghcr.io/foo/bar:0.4 status=failed elapsed=812ms error="copy blob: localhost:5050 answered 400\x1b[31m: yes, \"no\"\u202e"
    2026/05/13 09:00:00 entry planned entry=1 tags=1
    2026/05/13 09:00:00 chart done src=https://charts.example/podinfo:6.0.0+build.1 status=copied elapsed=812ms
    2026/05/13 09:00:00 plan failed src=ghcr.io/foo/gone error=NAME_UNKNOWN
    2026/05/13 09:00:00 entry planned entry=3 tags=0
    2026/05/13 09:00:00 sync complete entries=4 copied=2 overwritten=1 skipped=2 drifted=1 wouldCopy=1 wouldOverwrite=1 failed=2 duration=4.213s
    "#);
}

#[test]
fn documents_stand_alone_on_stdout() {
    let json = render_json(&sample::report(), &sample::meta());
    let yaml = render_yaml(&sample::report(), &sample::meta());
    let (_, warnings) = shown(Format::Text, Live::Nothing);
    assert_eq!(shown(Format::Json, Live::Nothing), (json.clone(), warnings.clone()));
    assert_eq!(shown(Format::Yaml, Live::Progress), (yaml, warnings));
    let (_, log) = shown(Format::Text, Live::Verbose);
    assert_eq!(shown(Format::Json, Live::Verbose), (json, log));
}

#[test]
fn a_broken_pipe_is_an_error_and_not_a_panic() {
    for format in [Format::Text, Format::Json, Format::Yaml] {
        let stderr = Shared::default();
        let options = plain(format, Live::Nothing);
        let output = Output::new(options, Broken, stderr.clone(), sample::now).unwrap();
        for event in sample::events() {
            output.observe(event);
        }
        let error = output.finish(&sample::report(), &sample::meta()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(stderr.text().starts_with("! "), "the other stream is as good as before");
        assert!(output.finish(&sample::report(), &sample::meta()).is_ok(), "it was told once");
    }
}

#[test]
fn a_reader_that_stops_holds_nobody_up() {
    let (read, stopped) = mpsc::channel();
    let stdout = Shared::default();
    let options = plain(Format::Text, Live::Nothing);
    let output =
        Output::new(options, Stopped(stopped, stdout.clone()), Shared::default(), sample::now);
    let output = output.unwrap();
    for _ in 0..20_000 {
        output.observe(settled("1.0"));
    }
    assert_eq!(stdout.text(), "", "nothing is read, and observing has returned");
    drop(read);
    output.finish(&sample::report(), &sample::meta()).unwrap();
    assert_eq!(stdout.text().lines().count(), 40_001, "no line is lost");
}

#[test]
fn an_old_tag_that_drifted_is_told_on_stderr_in_every_mode() {
    let name = digest_tag();
    for live in [Live::Nothing, Live::Progress, Live::Verbose] {
        for format in [Format::Text, Format::Json, Format::Yaml] {
            let (stdout, stderr) = (Shared::default(), Shared::default());
            let options = plain(format, live);
            let output = Output::new(options, stdout.clone(), stderr.clone(), sample::now).unwrap();
            let mut event = settled("1.0");
            let Event::RowSettled { row, .. } = &mut event else { panic!("{event:?}") };
            row.referrers = vec![ReferrerRow {
                digest: sample::digest(1),
                artifact_type: None,
                name: Some(name.parse().unwrap()),
                status: Status::Drifted,
            }];
            output.observe(event);
            let report = Report::default();
            output.finish(&report, &sample::meta()).unwrap();
            let expected = format!(
                "! localhost:5050/bar:{name} holds what the source does not, and was left alone: \
                 `overwrite: true` replaces it"
            );
            let notices = stderr.text();
            let notices: Vec<&str> = notices.lines().filter(|line| line.starts_with('!')).collect();
            assert_eq!(notices, [expected.as_str()], "{format:?} {live:?}");
        }
    }
}

fn digest_tag() -> String {
    format!("{}.sig", sample::digest(9).fallback_tag())
}

/// An event that prints two lines.
fn settled(tag: &str) -> Event {
    let events = sample::events().into_iter().filter_map(|event| match event {
        Event::RowSettled { entry, job, source, destination, elapsed, .. } => {
            let (row, tag) = (sample::row(tag, Status::Copied), tag.to_owned());
            Some(Event::RowSettled {
                entry,
                job,
                source,
                destination,
                tag,
                row: Box::new(row),
                elapsed,
            })
        }
        Event::EntryPlanned { .. }
        | Event::EntryFailed { .. }
        | Event::PlanNoted { .. }
        | Event::JobStarted { .. }
        | Event::JobSized { .. }
        | Event::BytesSent { .. }
        | Event::BlobSettled { .. }
        | Event::ManifestPushed { .. }
        | Event::FallbackTag { .. }
        | Event::JobRetrying { .. }
        | Event::Warning(_) => None,
    });
    events.into_iter().next().unwrap()
}

#[test]
fn no_stream_that_is_no_terminal_gets_an_escape_code() {
    for live in [Live::Nothing, Live::Progress, Live::Verbose] {
        for format in [Format::Text, Format::Json, Format::Yaml] {
            let (stdout, stderr) = shown(format, live);
            assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'));
        }
    }
}

#[test]
fn on_a_terminal_progress_is_gone_before_the_summary() {
    let terminal = Terminal::default();
    let options = OutputOptions {
        format: Format::Text,
        live: Live::Progress,
        stdout: StreamKind::Terminal,
        stderr: StreamKind::Terminal,
    };
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    let (stdout, stderr) = (Box::new(terminal.clone()), Box::new(terminal.clone()));
    let screen = Screen::on(options, stdout, stderr, target);
    let output = Output::over(screen, Live::Progress, sample::now).unwrap();
    output.begin(start());
    for event in sample::events() {
        output.observe(event);
    }
    output.finish(&sample::report(), &sample::meta()).unwrap();

    let (lines, warnings) = shown(Format::Text, Live::Nothing);
    assert_eq!(terminal.text(), format!("{warnings}{lines}").trim_end());
}

#[test]
fn different_warnings_without_end_are_cut_off() {
    let stderr = Shared::default();
    let options = plain(Format::Text, Live::Nothing);
    let output = Output::new(options, io::sink(), stderr.clone(), sample::now).unwrap();
    for number in 0..1_000 {
        let (host, message) = ("r.example".to_owned(), number.to_string());
        output.observe(Event::Warning(Warning::Registry { host, message }));
    }
    output.finish(&Report::default(), &sample::meta()).unwrap();
    let stderr = stderr.text();
    assert_eq!(stderr.lines().count(), 257);
    assert!(stderr.ends_with("! r.example warns: 255\n! more warnings are left out\n"));
}
