//! Lines, log and documents of a run with every status.

use insta::assert_snapshot;
use mirror_tests::layout::write_layout;

use super::{World, assert_quiet, masked, sorted};

/// The lines of rows, each with its arrow, sorted; and the summary.
fn lines(world: &World, stdout: &str) -> String {
    let text = world.named(stdout);
    let (rows, summary) = text.split_at(text.find("Summary: ").expect("there is a summary"));
    let mut chunks: Vec<String> = Vec::new();
    for line in rows.split_inclusive('\n') {
        match chunks.last_mut().filter(|_| line.starts_with("→ ")) {
            Some(row) => row.push_str(line),
            None => chunks.push(line.to_owned()),
        }
    }
    sorted(chunks.iter().map(String::as_str)) + &masked(summary, " in ")
}

both_modes!(text_has_two_lines_for_a_row_and_a_summary);
async fn text_has_two_lines_for_a_row_and_a_summary() {
    let world = World::new();
    let done = world.sync(&[]).await;
    done.assert_code(1);
    assert_quiet(&done);
    assert_snapshot!("text", lines(&world, &done.stdout));
    assert!(done.stdout.trim_end().ends_with("s."), "the time it took: {done}");
}

both_modes!(text_of_a_dry_run_says_what_would_be_done);
async fn text_of_a_dry_run_says_what_would_be_done() {
    let world = World::new();
    let done = world.sync(&["--dry-run"]).await;
    done.assert_code(1);
    assert_snapshot!("text_dry_run", lines(&world, &done.stdout));
}

both_modes!(nothing_to_mirror_is_said);
async fn nothing_to_mirror_is_said() {
    let world = World::new();
    let (from, to) = (world.source.host(), world.destination.host());
    world.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - source: \
             {from}/app\n    destination: {to}/app\n    selector: {{semver: '>=9'}}\n"
        ),
    );
    let done = world.sync(&[]).await;
    done.assert_code(0);
    assert_eq!(masked(&done.stdout, " in "), "Summary: nothing to mirror in …\n");
}

#[tokio::test]
async fn the_log_has_a_line_for_everything_that_happens() {
    let world = World::new();
    let done = world.sync(&["--verbose", "--concurrency=2", "--retries=0"]).await;
    done.assert_code(1);
    assert_eq!(done.stdout, "");
    let mut log = String::new();
    for line in done.stderr.lines() {
        let (time, message) = line.split_at("2026/05/13 09:00:00 ".len());
        let shape: String =
            time.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
        assert_eq!(shape, "0000/00/00 00:00:00 ", "{line}");
        log += message;
        log.push('\n');
    }
    let log = masked(&masked(&world.named(&log), "elapsed="), "duration=");
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let [first, middle @ .., last] = &lines[..] else { panic!("{log}") };
    let log = format!("{first}{}{last}", sorted(middle.iter().copied()));
    assert_snapshot!("log", log);
}

#[tokio::test]
async fn the_log_names_places_as_the_config_does() {
    let world = World::new();
    let source = mirror_tests::sample::image("own");
    write_layout(&world.mirror.folder().join("from"), &[("1.0.0", &source)]);
    world.mirror.write(
        "mirror.yaml",
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {source: \
         'oci-layout://from', destination: 'oci-layout://to/app'}\n",
    );
    let done = world.sync(&["--verbose"]).await;
    let (from, to) = ("oci-layout://from:1.0.0", "oci-layout://to/app:1.0.0");
    for line in [
        format!(" mirroring tag src={from} dst={to}\n"),
        format!(" Copying from {from} to {to}\n"),
        format!(" tag done src={from} status=copied "),
    ] {
        assert!(done.assert_code(0).stderr.contains(&line), "{line}{done}");
    }
    let folder = world.mirror.folder().to_str().unwrap();
    assert!(!done.stderr.contains(folder), "{done}");
}

both_modes!(a_retry_is_logged_with_its_source_from_the_first_attempt_on);
async fn a_retry_is_logged_with_its_source_from_the_first_attempt_on() {
    use mirror_tests::scripted::{Fault, Kind, Rule};
    let world = World::new();
    let (from, to) = (world.source.host(), world.destination.host());
    world.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {{source: \
             {from}/moved, destination: {to}/new}}\n"
        ),
    );
    world.source.script(Rule::on(Kind::ManifestGet).nth(1), Fault::error(500, "UNKNOWN"));
    let done = world.sync(&["--verbose"]).await;
    done.assert_code(0);
    let retries: Vec<&str> =
        done.stderr.lines().filter(|line| line.contains(" job failed, retrying ")).collect();
    let [retry] = retries[..] else { panic!("{done}") };
    let retry = masked(&world.named(&retry[20..]), "delay=");
    let expected = "job failed, retrying src=source.example/moved:1.0.0 attempt=1 delay=… error=\"";
    assert!(retry.starts_with(expected), "{retry}");
}

both_modes!(json_is_the_report_and_nothing_else);
async fn json_is_the_report_and_nothing_else() {
    let world = World::new();
    let done = world.sync(&["-o", "json"]).await;
    done.assert_code(1);
    assert_quiet(&done);
    done.json();
    let text = masked(&masked(&world.named(&done.stdout), "\"timestamp\": "), "\"durationMs\": ");
    assert_snapshot!("json", text);
}

both_modes!(yaml_is_the_same_report_without_its_schema);
async fn yaml_is_the_same_report_without_its_schema() {
    let world = World::new();
    let done = world.sync(&["-o", "yaml"]).await;
    done.assert_code(1);
    assert_quiet(&done);
    let text = masked(&masked(&world.named(&done.stdout), "timestamp: "), "durationMs: ");
    assert_snapshot!("yaml", text);
}

both_modes!(a_config_of_v1beta2_gets_a_report_of_v1beta2);
async fn a_config_of_v1beta2_gets_a_report_of_v1beta2() {
    let world = World::new();
    let config = std::fs::read_to_string(world.mirror.folder().join("mirror.yaml")).unwrap();
    world.mirror.write("mirror.yaml", config.replace("v1beta1", "v1beta2"));
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let yaml = world.sync(&["-o", "yaml", "--dry-run"]).await;
    assert_eq!(first(&yaml.stdout), "apiVersion: mirror.plugin.fluxcd.io/v1beta2");
    let json = world.sync(&["-o", "json", "--dry-run"]).await.json();
    assert_eq!(json["apiVersion"], "mirror.plugin.fluxcd.io/v1beta2");
    let schema = json["$schema"].as_str().unwrap();
    assert!(schema.ends_with("/docs/report-v1beta2.schema.json"), "{schema}");
}

both_modes!(the_rows_of_the_report_stand_in_plan_order_whatever_ended_first);
async fn the_rows_of_the_report_stand_in_plan_order_whatever_ended_first() {
    let world = World::new();
    for index in 0..40 {
        let sample = mirror_tests::sample::image(&format!("many/{index}"));
        world.source.store().push("many", &format!("1.{index}.0"), &sample);
    }
    let (from, to) = (world.source.host(), world.destination.host());
    let entry = |index: usize| {
        format!(
            "  - {{source: {from}/many, destination: {to}/many/{index}, selector: {{limit: 0}}}}\n"
        )
    };
    world.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n{}",
            (0..4).map(entry).collect::<String>()
        ),
    );
    let done = world.sync(&["-o", "json", "--concurrency=16"]).await;
    done.assert_code(0);
    let report = done.json();
    let results = report["report"]["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["destination"], format!("{to}/many/{index}"));
        let tags = result["tags"].as_array().unwrap().iter();
        let tags: Vec<&str> = tags.map(|row| row["tag"].as_str().unwrap()).collect();
        let expected: Vec<String> = (0..40).rev().map(|minor| format!("1.{minor}.0")).collect();
        assert_eq!(tags, expected);
    }
}
