//! Flags: defaults, bounds, durations, and where they may stand.

use mirror_tests::layout::assert_layout_holds;
use mirror_tests::sample::image;

use super::{binary, config, with_layout};

/// Runs `sync` with these flags and a config that is not there, and expects this one line.
async fn refused(flags: &[&str], expected: &str) {
    let mirror = binary();
    let arguments = ["sync"].into_iter().chain(flags.iter().copied()).chain(["absent.yaml"]);
    let done = mirror.call(arguments).run().await;
    done.assert_code(1);
    let expected = format!("✗ {expected}\n");
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", expected.as_str()), "{flags:?}");
}

#[tokio::test]
async fn a_bound_that_is_violated_names_its_flag_and_its_range_before_anything_is_read() {
    for value in ["0", "-1", "1.5", "many", "", "4294967296"] {
        let what = "must be a number greater than 0, at most 4294967295";
        let expected = format!("invalid value '{value}' for '--concurrency <N>': {what}");
        refused(&["--concurrency", value], &expected).await;
    }
    for value in ["-1", "x", "1.0", "", "99999999999"] {
        let what = "must be a number greater than or equal to 0, at most 4294967294";
        let expected = format!("invalid value '{value}' for '--retries <N>': {what}");
        refused(&["--retries", value], &expected).await;
    }
    for value in ["-1", "256", "two", ""] {
        let what = "must be a number from 0 to 255";
        let expected = format!("invalid value '{value}' for '--drift-exit-code <N>': {what}");
        refused(&["--drift-exit-code", value], &expected).await;
    }
    for value in ["xml", "JSON"] {
        let expected = format!(
            "invalid value '{value}' for '--output <text|json|yaml>' [possible values: text, \
             json, yaml]"
        );
        refused(&["--output", value], &expected).await;
    }
}

#[tokio::test]
async fn a_timeout_is_a_go_duration_greater_than_0() {
    for value in ["0", "0s", "0h0m0s", "-0"] {
        let expected =
            format!("invalid value '{value}' for '--timeout <DURATION>': must be greater than 0");
        refused(&["--timeout", value], &expected).await;
    }
    for value in ["5", "5d", "1w", "", "-5s", "1e3s", "5 m", "s", "1..5s"] {
        let expected = format!(
            "invalid value '{value}' for '--timeout <DURATION>': `{value}` is no duration: numbers \
             with a unit of ns, us, ms, s, m or h, as in 1h30m or 1.5s, greater than 0"
        );
        refused(&["--timeout", value], &expected).await;
    }
    let expected = "invalid value '2562048h' for '--timeout <DURATION>': `2562048h` is too long: \
                    2562047h47m16.854775807s at most, greater than 0";
    refused(&["--timeout", "2562048h"], expected).await;
}

#[tokio::test]
async fn what_is_no_flag_is_refused_in_one_line() {
    refused(&["--dryrun"], "unexpected argument '--dryrun' found").await;
    refused(
        &["--insecure=yes"],
        "unexpected value 'yes' for '--insecure' found; no more were expected",
    )
    .await;
    refused(&["one.yaml"], "unexpected argument 'absent.yaml' found").await;
    refused(
        &["--retries", "1", "--retries", "2"],
        "the argument '--retries <N>' cannot be used multiple times",
    )
    .await;
    let mirror = binary();
    for (arguments, expected) in [
        (
            &["sync", "--concurrency"][..],
            "a value is required for '--concurrency <N>' but none was supplied",
        ),
        (&[], "a command is required, see flux-mirror --help"),
        (&["mirror"], "unrecognized subcommand 'mirror'"),
        (&["--nope"], "unexpected argument '--nope' found"),
    ] {
        let done = mirror.call(arguments).run().await;
        done.assert_code(1);
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str()),
            ("", format!("✗ {expected}\n").as_str())
        );
    }
}

/// Runs `sync --verbose` on a layout with these arguments and returns the first line of its log.
async fn started(arguments: &[&str]) -> String {
    let mirror = with_layout();
    let done = mirror.call(arguments).run().await;
    done.assert_code(0);
    let line = done.stderr.lines().next().unwrap_or_default();
    line.split_once("sync started ").map(|(_, fields)| fields.to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn each_flag_has_its_default() {
    let fields = started(&["sync", "mirror.yaml", "--verbose"]).await;
    assert_eq!(fields, "entries=1 concurrency=4 retries=3 timeout=5m0s");
}

#[tokio::test]
async fn durations_are_read_and_shown_in_go_notation() {
    for (value, shown) in [
        ("90s", "1m30s"),
        ("1h30m", "1h30m0s"),
        ("1.5s", "1.5s"),
        ("5000ms", "5s"),
        ("+7m", "7m0s"),
        (".5h", "30m0s"),
        ("1m1000000us", "1m1s"),
    ] {
        let fields = started(&["sync", "mirror.yaml", "--verbose", "--timeout", value]).await;
        assert_eq!(fields, format!("entries=1 concurrency=4 retries=3 timeout={shown}"), "{value}");
    }
}

#[tokio::test]
async fn flags_may_stand_before_and_after_the_config_and_take_their_value_either_way() {
    let expected = "entries=1 concurrency=1 retries=0 timeout=20s";
    for arguments in [
        "sync --concurrency=1 --retries=0 --timeout=20s --verbose mirror.yaml",
        "sync mirror.yaml --concurrency 1 --retries 0 --timeout 20s --verbose",
        "--timeout 20s sync --verbose --retries=0 mirror.yaml --concurrency=1",
        "--timeout=20s sync --verbose --retries=0 --concurrency=1 -- mirror.yaml",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        assert_eq!(started(&arguments).await, expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn no_envsubst_stands_before_and_after_the_command_and_takes_the_config_as_it_is() {
    let mirror = with_layout();
    mirror.write("vars.yaml", config("oci-layout://source", "oci-layout://${WHERE}", ""));
    let done = mirror.call(["sync", "vars.yaml"]).run().await;
    done.assert_code(1);
    assert!(done.stderr.contains("variable `WHERE` is not set"), "{done}");

    let call = mirror.call(["sync", "vars.yaml"]).env("WHERE", "there");
    call.run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join("there"), "1.0.0", &image("app"));
    for arguments in
        [["--no-envsubst", "sync", "vars.yaml"], ["sync", "vars.yaml", "--no-envsubst"]]
    {
        let literal = mirror.folder().join("${WHERE}");
        mirror.call(arguments).env("WHERE", "elsewhere").run().await.assert_code(0);
        assert_layout_holds(&literal, "1.0.0", &image("app"));
        std::fs::remove_dir_all(literal).unwrap();
    }
    assert!(!mirror.folder().join("elsewhere").exists());
}
