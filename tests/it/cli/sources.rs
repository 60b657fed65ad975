//! Where the config comes from: the argument, the environment, stdin; and what cannot be one.

use std::os::unix::fs::symlink;

use mirror_tests::binary::Finished;
use mirror_tests::layout::assert_layout_holds;
use mirror_tests::sample::image;

use super::{HEAD, binary, config, with_layout};

const REQUIRED: &str =
    "✗ a config is required: give its path, - for stdin, or set FLUX_MIRROR_CONFIG\n";

#[tokio::test]
async fn the_argument_names_the_config() {
    let mirror = with_layout();
    mirror.call(["sync", "mirror.yaml"]).run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
}

#[tokio::test]
async fn the_argument_wins_over_the_environment() {
    let mirror = with_layout();
    let call = mirror.call(["sync", "mirror.yaml"]).env("FLUX_MIRROR_CONFIG", "absent.yaml");
    call.run().await.assert_code(0);
}

#[tokio::test]
async fn the_environment_names_the_config_where_there_is_no_argument() {
    let mirror = with_layout();
    let call = mirror.call(["sync"]).env("FLUX_MIRROR_CONFIG", "mirror.yaml");
    call.run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
}

#[tokio::test]
async fn the_environment_may_say_stdin() {
    let mirror = with_layout();
    let text = config("oci-layout://source", "oci-layout://copy", "");
    let call = mirror.call(["sync"]).env("FLUX_MIRROR_CONFIG", "-").stdin(text);
    call.run().await.assert_code(0);
}

#[tokio::test]
async fn a_dash_is_stdin_with_paths_from_the_working_directory() {
    let mirror = with_layout();
    let text = config("oci-layout://source", "oci-layout://copy", "");
    mirror.call(["sync", "-"]).stdin(text).run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join("copy"), "1.0.0", &image("app"));
}

#[tokio::test]
async fn without_argument_and_environment_a_config_is_required() {
    let mirror = with_layout();
    refused(&mirror.call(["sync"]).run().await, REQUIRED);
}

#[tokio::test]
async fn an_empty_variable_is_an_unset_one() {
    let mirror = with_layout();
    let call = mirror.call(["sync"]).env("FLUX_MIRROR_CONFIG", "");
    refused(&call.run().await, REQUIRED);
    let call = mirror.call(["sync", "mirror.yaml"]).env("FLUX_MIRROR_CONFIG", "");
    call.run().await.assert_code(0);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let mirror = binary();
    mirror.write("file", "");
    symlink("loop.yaml", mirror.folder().join("loop.yaml")).unwrap();
    for (path, reason) in [
        ("absent.yaml", "No such file or directory (os error 2)"),
        ("home", "Is a directory (os error 21)"),
        ("file/mirror.yaml", "Not a directory (os error 20)"),
        ("loop.yaml", "Too many levels of symbolic links (os error 40)"),
    ] {
        let done = mirror.call(["sync", path]).run().await;
        refused(&done, &format!("✗ cannot read {path}: {reason}\n"));
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    let mirror = binary();
    mirror.write("mirror.yaml", b"apiVersion: \xff\xfe\n");
    refused(&mirror.call(["sync", "mirror.yaml"]).run().await, "✗ mirror.yaml is not UTF-8 text\n");
    let done = mirror.call(["sync", "-"]).stdin(*b"\xc3\x28").run().await;
    refused(&done, "✗ <stdin> is not UTF-8 text\n");
}

#[tokio::test]
async fn a_config_has_an_end() {
    let mirror = binary();
    let huge = format!("{HEAD}# {}\n", "x".repeat(10 << 20));
    mirror.write("mirror.yaml", &huge);
    let expected = |file| format!("✗ {file} is larger than 10485760 bytes\n");
    refused(&mirror.call(["sync", "mirror.yaml"]).run().await, &expected("mirror.yaml"));
    refused(&mirror.call(["sync", "-"]).stdin(huge).run().await, &expected("<stdin>"));
    refused(&mirror.call(["sync", "/dev/zero"]).run().await, &expected("/dev/zero"));
}

#[tokio::test]
async fn nothing_is_no_config() {
    let mirror = binary();
    mirror.write("mirror.yaml", "");
    for (call, file) in [
        (mirror.call(["sync", "mirror.yaml"]), "mirror.yaml"),
        (mirror.call(["sync", "-"]), "<stdin>"),
    ] {
        let done = call.run().await;
        done.assert_code(1);
        assert!(done.stderr.starts_with(&format!("✗ {file}")), "{done}");
        assert_eq!(done.stderr.lines().count(), 1, "{done}");
    }
}

/// Exit 1, these lines on stderr, nothing on stdout.
#[track_caller]
fn refused(done: &Finished, expected: &str) {
    done.assert_code(1);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", expected));
}
