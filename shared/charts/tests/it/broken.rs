//! Broken archives as they come from a repository: each a clear error, nothing packed.

use mirror_tests::chart::{archive, chart, gzip};
use mirror_tests::scripted::{At, Fault, Framing, Kind, Rule, Stop};

use super::*;

/// An answer for the archive, and what is made of it.
async fn check(fault: Fault, expected: &str, retry: Retry) {
    let bench = Bench::new();
    bench.server.script(Rule::on(Kind::Other), fault);
    let error = bench.pack(&bench.chart(&["app.tgz"], None)).await.unwrap_err();
    let shown = text(&error).replace(&bench.server.host(), "HOST");
    assert!(shown.contains(expected), "{shown}");
    assert_eq!(error.retry(), retry, "{shown}");
}

fn body(bytes: impl Into<Bytes>) -> Fault {
    Fault::answer(Answer::status(200).body(bytes))
}

fn with_metadata(metadata: &str) -> Fault {
    body(archive(&[("app/Chart.yaml", metadata)]))
}

#[tokio::test]
async fn archives_that_are_none_are_errors() {
    const URL: &str = "http://HOST/charts/app.tgz";
    let whole = chart("app", "1.0.0");
    let is_no_chart = |why: &str| format!("{URL} is no chart: {why}");
    check(Fault::status(404), &format!("{URL} answered 404"), Retry::Never).await;
    check(Fault::status(503), &format!("{URL} answered 503"), Retry::Backoff).await;
    check(Fault::status(304), &format!("{URL} answered 304"), Retry::Never).await;
    check(
        body("<html>Not found</html>"),
        &is_no_chart("it is no gzip, but looks like a web page"),
        Retry::Never,
    )
    .await;
    check(body(""), &is_no_chart("it is empty"), Retry::Never).await;
    check(body(whole.slice(..whole.len() / 2)), &is_no_chart("it is cut off"), Retry::Backoff)
        .await;
    // Nothing that was broken on its way: it would come out the same.
    check(
        body([&whole[..], b"\n"].concat()),
        &is_no_chart("something follows after the end of its gzip"),
        Retry::Never,
    )
    .await;
    check(
        body(gzip(&vec![0; 20 << 20])),
        &is_no_chart("it unpacks to more than 200 times its size"),
        Retry::Never,
    )
    .await;
    check(
        body(archive(&[("app/values.yaml", "a: 1")])),
        &is_no_chart("it has no Chart.yaml"),
        Retry::Never,
    )
    .await;
    check(body(archive(&[("../Chart.yaml", "a: 1")])), "climbs out of its folder", Retry::Never)
        .await;
}

#[tokio::test]
async fn archives_of_something_else_are_errors() {
    let twice = [
        ("app/Chart.yaml", "name: app\nversion: 1.0.0"),
        ("b/Chart.yaml", "name: app\nversion: 1.0.0"),
    ];
    check(body(archive(&twice)), "it has two Chart.yaml", Retry::Never).await;
    check(
        body(chart("other", "1.0.0")),
        "has name `other` in its Chart.yaml where `app` was expected",
        Retry::Never,
    )
    .await;
    check(
        body(chart("app", "1.0.1")),
        "has version `1.0.1` in its Chart.yaml where `1.0.0` was expected",
        Retry::Never,
    )
    .await;
    check(body(chart("app", "v1.0.0")), "has version `v1.0.0` in its Chart.yaml", Retry::Never)
        .await;
    check(
        with_metadata("name: app\nversion: 1.0.0.0\n"),
        "is no chart: `version` of Chart.yaml is",
        Retry::Never,
    )
    .await;
    check(
        with_metadata("name: [app]\n"),
        "is no chart: `name` of Chart.yaml is a list, not text",
        Retry::Never,
    )
    .await;
    check(with_metadata("a: [\n"), "is no chart: Chart.yaml is no YAML: ", Retry::Never).await;
    check(with_metadata(""), "is no chart: Chart.yaml has no name", Retry::Never).await;
    // Each of these takes six bytes in JSON.
    let escaped = "<".repeat(800 << 10);
    check(
        with_metadata(&format!("name: app\nversion: 1.0.0\ndescription: '{escaped}'\n")),
        "is no chart: Chart.yaml makes a config of more than 4 MiB",
        Retry::Never,
    )
    .await;
    check(with_metadata("name: \"\\e[31m\"\nversion: 1.0.0"), "has name `[31m`", Retry::Never)
        .await;
}

#[tokio::test]
async fn archives_that_do_not_end_well_are_errors() {
    let whole = chart("app", "1.0.0");
    let cut = || body(whole.clone()).cut_after(100, Stop::Reset);
    check(cut(), "connection to HOST broke", Retry::Backoff).await;
    let ended = || body(whole.clone()).cut_after(100, Stop::Fin);
    check(ended(), "connection to HOST broke", Retry::Backoff).await;
    check(ended().framing(Framing::Chunked), "connection to HOST broke", Retry::Backoff).await;
    // Without a length, only the archive itself says that it is not whole.
    check(ended().framing(Framing::Close), "is no chart: it is cut off", Retry::Backoff).await;
    check(Fault::close(Stop::Fin), "connection to HOST broke", Retry::Backoff).await;
    check(
        body(whole.clone()).stop(At::Body(50), Stop::Reset),
        "connection to HOST broke",
        Retry::Backoff,
    )
    .await;
    let claimed = Answer::status(200).with("Content-Length", ((100_u64 << 20) + 1).to_string());
    check(
        Fault::answer(claimed),
        "http://HOST/charts/app.tgz is larger than 100 MiB",
        Retry::Never,
    )
    .await;
    let endless = body(vec![0; 1 << 20]).endless();
    check(endless, "http://HOST/charts/app.tgz is larger than 100 MiB", Retry::Never).await;
}
