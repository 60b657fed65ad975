//! Streams that end early or are not there: no panic, and what was to be mirrored is mirrored.

use std::ffi::OsStr;

use mirror_tests::binary::Binary;
use mirror_tests::layout::assert_layout_holds;
use mirror_tests::sample::image;

use super::with_layout;

/// Runs a line of bash in which `$0` is the program.
async fn shell(mirror: &Binary, line: &str) -> (String, String) {
    let bash = Binary::new("/bin/bash");
    let folder = mirror.folder().display();
    let line = format!("cd '{folder}'; {line}");
    let arguments = [OsStr::new("-c"), line.as_ref(), env!("CARGO_BIN_EXE_flux-mirror").as_ref()];
    let done = bash.call(arguments).run().await;
    (done.stdout, done.stderr)
}

#[tokio::test]
async fn a_reader_who_leaves_early_ends_neither_the_run_nor_in_a_panic() {
    for flags in ["", "-o json", "-o yaml"] {
        let mirror = with_layout();
        // The reader has gone before there is anything to read.
        let line = format!("\"$0\" sync mirror.yaml {flags} | true; echo ${{PIPESTATUS[0]}}");
        let (stdout, stderr) = shell(&mirror, &line).await;
        assert_eq!(stdout, "1\n", "{flags}: {stderr}");
        assert_eq!(stderr, "✗ cannot write the report: Broken pipe (os error 32)\n", "{flags}");
        assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
    }
}

#[tokio::test]
async fn a_reader_of_one_line_gets_it() {
    let mirror = with_layout();
    let (stdout, stderr) = shell(&mirror, "\"$0\" sync mirror.yaml | head -n 1").await;
    assert_eq!(stdout, "✓ oci-layout://source:1.0.0 (copied)\n");
    assert!(!stderr.contains("internal error"), "{stderr}");
    assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
}

#[tokio::test]
async fn closed_streams_do_no_harm() {
    for (closed, flags) in
        [("2>&-", ""), (">&-", ""), ("<&-", ""), ("<&- >&- 2>&-", ""), ("2>&-", "--verbose")]
    {
        let mirror = with_layout();
        let line = format!("\"$0\" sync mirror.yaml {flags} {closed} >/dev/null; echo $?");
        let line = if closed.contains(">&- ") || closed == ">&-" {
            format!("\"$0\" sync mirror.yaml {flags} {closed}; echo $?")
        } else {
            line
        };
        let (stdout, stderr) = shell(&mirror, &line).await;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("0\n", ""), "{closed} {flags}");
        assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
    }
}

#[tokio::test]
async fn a_full_disk_behind_stdout_is_told() {
    let mirror = with_layout();
    let (stdout, stderr) = shell(&mirror, "\"$0\" sync mirror.yaml > /dev/full; echo $?").await;
    assert_eq!(stdout, "1\n");
    assert_eq!(stderr, "✗ cannot write the report: No space left on device (os error 28)\n");
}

#[tokio::test]
async fn help_into_a_closed_pipe_is_no_panic() {
    let mirror = with_layout();
    for line in ["--help", "sync --help", "version", "completion bash"] {
        let (stdout, stderr) =
            shell(&mirror, &format!("\"$0\" {line} | true; echo ${{PIPESTATUS[0]}}")).await;
        assert!(!stderr.contains("internal error"), "{line}: {stdout}{stderr}");
    }
}
