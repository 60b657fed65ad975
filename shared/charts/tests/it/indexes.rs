//! Indexes: how they are asked for, what comes of what is answered.

use mirror_tests::chart::{digest, gzip, index};
use mirror_tests::scripted::{Fault, Kind, Listener, Rule};

use super::*;

const ONE: &str = "https://a.example/app-1.0.0.tgz";

fn one() -> String {
    index("app", &[("1.0.0+b", ONE, &digest(b""))])
}

#[tokio::test]
async fn an_index_may_come_packed_and_counts_unpacked() {
    let bench = Bench::new();
    let packed = Answer::status(200).with("Content-Encoding", "gzip").body(gzip(one().as_bytes()));
    bench.serve("index.yaml", packed);
    let found = bench.index().await.unwrap();
    let versions = found.require("app").unwrap();
    assert_eq!((versions.len(), versions[0].version.as_str()), (1, "1.0.0+b"));
    assert_eq!(versions[0].digest, Some(Digest::of(b"")));
    let log = bench.server.log();
    let [entry] = log.entries() else { panic!("one request") };
    assert_eq!(entry.target, "/charts/index.yaml");
    assert_eq!(entry.header("accept-encoding"), Some("gzip"));
    assert_eq!((entry.header("if-none-match"), &entry.authorization), (None, &None));
}

#[tokio::test]
async fn an_index_that_is_known_is_not_read_again() {
    let bench = Bench::new();
    let tag = "\"v1\"";
    bench.server.script(
        Rule::on(Kind::Other),
        Fault::instead(move |request, _| {
            Some(match request.header("if-none-match") {
                Some(known) if known == tag => Answer::status(304),
                Some(_) | None => Answer::status(200).with("ETag", tag).body(one()),
            })
        }),
    );
    let (url, budget) = (bench.url(), budget());
    let read =
        async |names: &[&str]| bench.charts.index(&url, &wanted(names), &budget).await.unwrap();
    let first = read(&["app", "other"]).await;
    let same = read(&["app"]).await;
    assert!(Arc::ptr_eq(&first, &same), "what is known is given back");
    let more = read(&["app", "third"]).await;
    assert!(!Arc::ptr_eq(&first, &more), "what was not kept is not known");
    let statuses: Vec<_> = bench.server.log().entries().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(200), Some(304), Some(200)]);
}

#[tokio::test]
async fn a_chart_that_is_not_there_is_told_with_those_like_it() {
    let bench = Bench::new();
    bench.serve_bytes("index.yaml", "entries: {podinfo: [], redis: []}");
    let found = bench.index().await.unwrap();
    let error = found.require("podinfo2").unwrap_err();
    let url = format!("{}/index.yaml", bench.url());
    let expected =
        format!("chart \"podinfo2\" not found in index {url}; the nearest is \"podinfo\"");
    assert_eq!(text(&error), expected);
    assert_eq!(error.retry(), Retry::Never);
}

/// An answer for the index, and what is made of it.
async fn check(answer: Answer, expected: &str, retry: Retry) {
    let bench = Bench::new();
    bench.serve("index.yaml", answer);
    let error = bench.index().await.unwrap_err();
    let shown = text(&error).replace(&bench.server.host(), "HOST");
    assert!(shown.contains(expected), "{shown}");
    assert_eq!(error.retry(), retry, "{shown}");
}

#[tokio::test]
async fn an_index_that_cannot_be_had_is_an_error() {
    const URL: &str = "http://HOST/charts/index.yaml";
    let ok = || Answer::status(200);
    check(Answer::status(404), &format!("{URL} answered 404"), Retry::Never).await;
    check(Answer::status(500), &format!("{URL} answered 500"), Retry::Backoff).await;
    check(Answer::status(304), &format!("{URL} answered 304"), Retry::Never).await;
    check(
        ok().body("<html>Sign in</html>"),
        &format!("cannot read index {URL}: it is a web page"),
        Retry::Never,
    )
    .await;
    check(ok(), "it is empty", Retry::Never).await;
    check(ok().body("entries: ["), "at line ", Retry::Never).await;
    let encoded = |encoding: &str, body: &[u8]| {
        ok().with("Content-Encoding", encoding).body(Bytes::copy_from_slice(body))
    };
    check(encoded("br", b"x"), "it is encoded as br, which was not asked for", Retry::Backoff)
        .await;
    check(encoded("gzip", b"plain text"), "cannot be unpacked", Retry::Backoff).await;
    let whole = gzip(one().as_bytes());
    check(encoded("gzip", &whole[..whole.len() - 9]), "cannot be unpacked", Retry::Backoff).await;
    let bomb = gzip(&vec![b' '; (64 << 20) + 1]);
    assert!(bomb.len() < 1 << 20);
    check(encoded("gzip", &bomb), &format!("{URL} is larger than 64 MiB"), Retry::Never).await;
}

#[tokio::test]
async fn an_index_without_an_end_is_refused() {
    let bench = Bench::new();
    let rule = Rule::on(Kind::Other);
    bench
        .server
        .script(rule, Fault::answer(Answer::status(200).body(vec![b'#'; 1 << 20])).endless());
    let error = bench.index().await.unwrap_err();
    assert!(text(&error).ends_with("is larger than 64 MiB"), "{}", text(&error));
}

#[tokio::test]
async fn the_query_of_a_repository_goes_along_and_is_not_shown() {
    let bench = Bench::new();
    bench.server.script(Rule::on(Kind::Other).after(1), Fault::status(404));
    bench
        .server
        .script(Rule::on(Kind::Other).first(1), Fault::answer(Answer::status(200).body(one())));
    let url = format!("{}/?token=hunter2", bench.url());
    bench.charts.index(&url, &wanted(&["app"]), &budget()).await.unwrap();
    let error = bench.charts.index(&url, &wanted(&["app"]), &budget()).await.unwrap_err();
    assert!(!text(&error).contains("hunter2"), "{}", text(&error));
    let chart = ChartRef { repository: url, ..bench.chart(&["app.tgz"], None) };
    let error = bench.pack(&chart).await.unwrap_err();
    assert!(!text(&error).contains("hunter2"), "{}", text(&error));
    let asked = [
        "/charts/index.yaml?token=hunter2",
        "/charts/index.yaml?token=hunter2",
        "/charts/app.tgz?token=hunter2",
    ];
    assert_eq!(bench.asked(), asked);
}

#[tokio::test]
async fn the_query_of_a_repository_goes_to_no_other_host() {
    let bench = Bench::new();
    let archive = mirror_tests::chart::chart("app", "1.0.0");
    bench.serve_bytes("app.tgz*", archive);
    let url = format!("//{}/charts/app.tgz", bench.server.other_host());
    let repository = format!("{}?token=hunter2", bench.url());
    bench.pack(&ChartRef { repository, ..bench.chart(&[&url], None) }).await.unwrap();
    assert_eq!(bench.asked(), ["/charts/app.tgz"]);
}

#[tokio::test]
async fn what_is_no_url_is_shown_without_what_is_secret() {
    let bench = Bench::new();
    for url in [
        "https://robot:hunter/2@cdn.example/app.tgz",
        "https://me:hunter2@h:99999/a.tgz?sig=hunter2",
        "//me:hunter2@h:x/a.tgz",
        "oci://me:hunter2@h:x/app",
        "oci://me:hunter2@r.example/app:1",
        "ftp://me:hunter2@h/a.tgz",
    ] {
        let error = bench.pack(&bench.chart(&[url], None)).await.unwrap_err();
        assert!(text(&error).contains("the index names"), "{}", text(&error));
        assert!(!text(&error).contains("hunter"), "{}", text(&error));
    }
}

#[tokio::test]
async fn an_index_may_be_elsewhere_by_a_redirect() {
    let bench = Bench::new();
    bench.helm_knows("username: me, password: pw");
    let elsewhere = format!("{}/charts/other.yaml", bench.server.other_url());
    let rule = Rule::on(Kind::Other).target("/charts/index.yaml");
    bench.server.script(rule, Fault::redirect(302, &elsewhere));
    bench.serve_bytes("other.yaml", one());
    assert!(bench.index().await.unwrap().require("app").is_ok());
    let log = bench.server.log();
    let [first, second] = log.entries() else { panic!("two requests") };
    assert_eq!((first.listener, second.listener), (Listener::Main, Listener::Other));
    assert!(first.authorization.is_some() && second.authorization.is_none());
    assert_eq!(second.header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn what_is_no_repository_is_not_asked() {
    let bench = Bench::new();
    for url in ["", "charts", "oci://r.example/charts", "file:///charts", "https://"] {
        let error = bench.charts.index(url, &wanted(&[]), &budget()).await.unwrap_err();
        assert!(matches!(error, ChartError::Repository { .. }), "{url}: {error}");
    }
}
