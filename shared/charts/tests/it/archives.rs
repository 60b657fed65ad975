//! Archives: where they are fetched from, what is made of them.

use futures_util::TryStreamExt as _;
use mirror_charts::{CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE, chart_layer};
use mirror_oci::{Checkpoints, Content, Descriptor, Manifest, MediaType};
use mirror_tests::chart::{archive, chart};
use mirror_tests::scripted::{Fault, Framing, Gate, Kind, Rule, Stop};
use mirror_transport::{HostOptions, Scheme};

use super::*;

async fn read(packed: &mirror_charts::PackedChart, blob: &Descriptor, offset: u64) -> Vec<u8> {
    let checkpoints = Checkpoints::new(blob.digest);
    let chunks = packed.blob(blob, offset, &checkpoints).await.unwrap();
    chunks.try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

#[tokio::test]
async fn a_chart_is_packed_as_helm_would_push_it() {
    let bench = Bench::new();
    let archive = chart("app", "1.0.0");
    bench.serve_bytes("app-1.0.0.tgz", archive.clone());
    let packed =
        bench.pack(&bench.chart(&["app-1.0.0.tgz"], Some(Digest::of(&archive)))).await.unwrap();

    let Manifest { bytes, blobs, .. } = packed.root();
    let config = br#"{"name":"app","version":"1.0.0","apiVersion":"v2","type":"application"}"#;
    let expected = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{{\"mediaType\":\"{CONFIG_MEDIA_TYPE}\",\"digest\":\"{}\",\"size\":{}}},\"layers\":[{{\"mediaType\":\"{LAYER_MEDIA_TYPE}\",\"digest\":\"{}\",\"size\":{}}}]}}",
        MediaType::OCI_MANIFEST,
        Digest::of(config),
        config.len(),
        Digest::of(&archive),
        archive.len(),
    );
    assert_eq!(std::str::from_utf8(bytes).unwrap(), expected);
    assert_eq!(packed.archive(), Digest::of(&archive));
    let [config_blob, layer] = blobs.as_slice() else { panic!("two blobs") };
    assert_eq!(chart_layer(packed.root()), Some(layer));
    assert_eq!(read(&packed, config_blob, 0).await, config);
    assert_eq!(read(&packed, layer, 0).await, archive);
    assert_eq!(read(&packed, layer, 100).await, archive[100..]);
    assert_eq!(read(&packed, layer, archive.len() as u64).await, b"");

    let root = packed.root().descriptor.digest;
    assert_eq!(packed.manifest(root).await.unwrap().bytes, *bytes);
    assert!(packed.manifest(layer.digest).await.is_err());
    let other = Descriptor { digest: root, ..layer.clone() };
    assert!(packed.blob(&other, 0, &Checkpoints::new(root)).await.is_err());

    let log = bench.server.log();
    let [entry] = log.entries() else { panic!("one request") };
    assert_eq!(entry.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn an_archive_is_never_decoded() {
    let bench = Bench::new();
    let archive = chart("app", "1.0.0");
    let answer = Answer::status(200).with("Content-Encoding", "gzip").body(archive.clone());
    bench.serve("app.tgz", answer.with("Content-Type", "application/x-tar"));
    let packed = bench.pack(&bench.chart(&["app.tgz"], None)).await.unwrap();
    assert_eq!(packed.archive(), Digest::of(&archive));
}

#[tokio::test]
async fn urls_are_tried_in_order_until_one_works() {
    let bench = Bench::new();
    let archive = chart("app", "1.0.0");
    bench.serve("gone.tgz", Answer::status(404));
    bench.serve_bytes("other.tgz", chart("app", "2.0.0"));
    bench.serve_bytes("right.tgz", archive.clone());
    let elsewhere = format!("{}/charts/right.tgz", bench.server.other_url());
    let urls = [
        "gone.tgz",
        "/charts/other.tgz",
        "ftp://a.example/x",
        "oci://r.example/app:1",
        &elsewhere,
        "never.tgz",
    ];
    let digest = Some(Digest::of(&archive));
    bench.pack(&bench.chart(&urls, digest)).await.unwrap();
    assert_eq!(bench.asked(), ["/charts/gone.tgz", "/charts/other.tgz", "/charts/right.tgz"]);
    assert_eq!(*bench.registry.asked.lock().unwrap(), ["r.example/app 1"]);

    let error = bench.pack(&bench.chart(&urls[..4], digest)).await.unwrap_err();
    let shown = text(&error);
    for expected in [
        "none of 4 URLs of app 1.0.0 works: ",
        "/charts/gone.tgz answered 404; ",
        "has digest sha256:",
        "the index names `ftp://a.example/x`, which is neither https nor http nor oci; ",
        "cannot pull oci://r.example/app:1: it is not there",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert_eq!(error.retry(), Retry::Backoff);

    // An index may have more than are kept of it.
    for (count, expected) in [(7, "none of 7 URLs of"), (8, "none of the first 8 URLs of")] {
        let error = bench.pack(&bench.chart(&vec!["gone.tgz"; count], digest)).await.unwrap_err();
        assert!(text(&error).starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn an_archive_may_be_in_a_registry() {
    let bench = Bench::new();
    let archive = chart("app", "1.0.0");
    *bench.registry.archive.lock().unwrap() = Some(archive.clone());
    for url in ["oci://r.example/charts/app:1.0.0", "oci://r.example/charts/app"] {
        let packed = bench.pack(&bench.chart(&[url], Some(Digest::of(&archive)))).await.unwrap();
        assert_eq!(packed.archive(), Digest::of(&archive));
    }
    let asked = bench.registry.asked.lock().unwrap().clone();
    assert_eq!(asked, ["r.example/charts/app 1.0.0"; 2]);
    let error = bench.pack(&bench.chart(&["oci://R.example/A"], None)).await.unwrap_err();
    assert!(text(&error).contains("which is no reference to a registry"), "{error}");
}

#[tokio::test]
async fn a_digest_is_found_without_reading_the_archive() {
    let bench = Bench::new();
    let archive: &[u8] = b"\x1f\x8b and no archive at all";
    bench.serve_bytes("app.tgz", archive);
    let find = async |digest| {
        bench.charts.digest(&bench.chart(&["app.tgz"], digest), &bench.registry, &budget()).await
    };
    let expected = Digest::of(archive);
    assert_eq!(find(None).await.unwrap(), expected);
    assert_eq!(find(Some(expected)).await.unwrap(), expected);
    let error = find(Some(Digest::of(b""))).await.unwrap_err();
    assert!(matches!(error, ChartError::Digest { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

/// Without a digest in the index, whatever answers 200 would be the archive.
#[tokio::test]
async fn a_digest_is_that_of_an_archive_and_of_no_page() {
    let bench = Bench::new();
    let archive = chart("app", "1.0.0");
    bench.serve_bytes("moved.tgz", "<!DOCTYPE html>Sign in");
    bench.serve_bytes("empty.tgz", "");
    bench.serve_bytes("app.tgz", archive.clone());
    let find = async |urls: &[&str]| {
        bench.charts.digest(&bench.chart(urls, None), &bench.registry, &budget()).await
    };
    let found = find(&["moved.tgz", "empty.tgz", "app.tgz"]).await.unwrap();
    assert_eq!(found, Digest::of(&archive));
    let error = text(&find(&["moved.tgz"]).await.unwrap_err());
    assert!(error.ends_with("it is no gzip, but looks like a web page"), "{error}");
}

#[tokio::test]
async fn a_version_without_a_url_is_an_error() {
    let bench = Bench::new();
    let error = bench.pack(&bench.chart(&[], None)).await.unwrap_err();
    assert_eq!(text(&error), "the index has no usable URL for version 1.0.0 of chart app");
}

/// Some of what a gzip may be made of, and that comes to nothing: it makes an archive as large as it is to
/// be.
fn padding(mib: usize) -> Vec<u8> {
    let (head, extra) = (b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\xff\xff", vec![0; 0xffff]);
    let member = [head.as_slice(), &extra, b"\x03\0\0\0\0\0\0\0\0\0"];
    member.concat().repeat((mib << 20).div_ceil(0xffff))
}

/// Archives that are held take room until they are dropped: a third large one has to wait.
#[tokio::test]
async fn archives_that_are_held_are_bounded() {
    let bench = Arc::new(Bench::new());
    bench.serve_bytes("app.tgz", [chart("app", "1.0.0").to_vec(), padding(90)].concat());
    let pack = {
        let bench = Arc::clone(&bench);
        move || {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.pack(&bench.chart(&["app.tgz"], None)).await.unwrap() })
        }
    };
    let (first, _second) = (pack().await.unwrap(), pack().await.unwrap());
    let third = pack();
    while bench.server.log().count() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!third.is_finished(), "there is room for two of them");
    // A blob that is being sent keeps its room.
    let layer = chart_layer(first.root()).unwrap().clone();
    let mut chunks = first.blob(&layer, 0, &Checkpoints::new(layer.digest)).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!third.is_finished(), "what is being read is held");
    while chunks.next().await.is_some() {}
    drop(chunks);
    third.await.unwrap();
}

/// An answer of unknown length.
fn chunked(archive: Bytes) -> Fault {
    Fault::answer(Answer::status(200).body(archive)).framing(Framing::Chunked)
}

#[tokio::test]
async fn room_that_an_archive_did_not_need_is_given_back() {
    let bench = Bench::new();
    bench.server.script(Rule::on(Kind::Other), chunked(chart("app", "1.0.0")));
    let mut held = Vec::new();
    for _ in 0..5 {
        let chart = bench.chart(&["app.tgz"], None);
        let packed = tokio::time::timeout(Duration::from_secs(10), bench.pack(&chart)).await;
        held.push(packed.unwrap().unwrap());
    }
}

/// An upload to the same host waits for the right to send its archive while that takes its room.
#[tokio::test]
async fn nobody_waits_for_room_with_the_right_to_move_a_body() {
    let bench = Arc::new(Bench::new());
    let large = [chart("app", "1.0.0").to_vec(), padding(90)].concat();
    bench.serve_bytes("large.tgz", large);
    bench
        .server
        .script(Rule::on(Kind::Other).target("/charts/small.tgz"), chunked(chart("app", "1.0.0")));
    let large = bench.chart(&["large.tgz"], None);
    let held = [bench.pack(&large).await.unwrap(), bench.pack(&large).await.unwrap()];
    let waiting: Vec<_> = (0..60)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                bench.pack(&bench.chart(&["small.tgz"], None)).await.map(drop).unwrap();
            })
        })
        .collect();
    while bench.server.log().count() < 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(waiting.iter().all(|one| !one.is_finished()), "there is no room for them");
    let options = HostOptions { scheme: Scheme::Http, ..HostOptions::default() };
    let host = bench.transport.host_with(&bench.server.host(), options);
    let (hosts, budget) = ([&host], budget());
    let upload = bench.transport.transfer(&hosts, &budget);
    drop(tokio::time::timeout(Duration::from_secs(10), upload).await.unwrap());
    drop(held);
    for one in waiting {
        one.await.unwrap();
    }
}

/// What only a digest is wanted of is fetched four at a time.
#[tokio::test]
async fn digests_are_found_four_at_a_time() {
    const ARCHIVE: &[u8] = b"\x1f\x8b";
    let bench = Arc::new(Bench::new());
    let gate = Gate::closed();
    let rule = Rule::on(Kind::Other);
    bench.server.script(rule, Fault::answer(Answer::status(200).body(ARCHIVE)).hold(&gate));
    let finding: Vec<_> = (0..6)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let chart = bench.chart(&["app.tgz"], None);
                bench.charts.digest(&chart, &bench.registry, &budget()).await.unwrap()
            })
        })
        .collect();
    gate.reached(4).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.server.log().count(), 4);
    gate.resume();
    for found in finding {
        assert_eq!(found.await.unwrap(), Digest::of(ARCHIVE));
    }
}

/// Whoever has not spoken to the repository does not know how far in it may send us.
#[tokio::test]
async fn a_repository_is_asked_where_it_stands_before_it_sends_us_elsewhere() {
    let bench = Bench::new();
    bench.serve_bytes("app.tgz", chart("app", "1.0.0"));
    let elsewhere = format!("{}/charts/app.tgz", bench.server.other_url());
    let by_name = bench.url().replace("127.0.0.1", "localhost");
    let chart = ChartRef { repository: by_name, ..bench.chart(&[&elsewhere], None) };
    for _ in 0..2 {
        bench.pack(&chart).await.unwrap();
    }
    let log = bench.server.log();
    let methods: Vec<&str> = log.entries().iter().map(|entry| entry.method.as_str()).collect();
    assert_eq!(methods, ["HEAD", "GET", "GET"]);
    assert_eq!(log.entries()[0].target, "/charts");
}

/// A chart of the bench's repository by its name, with an archive elsewhere: that may be sent to only
/// from where the repository stands.
fn elsewhere(bench: &Bench) -> ChartRef {
    bench.serve_bytes("app.tgz", chart("app", "1.0.0"));
    let url = format!("{}/charts/app.tgz", bench.server.other_url());
    let repository = bench.url().replace("127.0.0.1", "localhost");
    ChartRef { repository, ..bench.chart(&[&url], None) }
}

#[tokio::test]
async fn jobs_wait_for_one_that_asks_where_a_repository_stands() {
    let bench = Arc::new(Bench::new());
    let chart = elsewhere(&bench);
    let gate = Gate::closed();
    bench.server.script(Rule::any().method("HEAD"), Fault::status(404).hold(&gate));
    let pack = || {
        let (bench, chart) = (Arc::clone(&bench), chart.clone());
        tokio::spawn(async move { bench.pack(&chart).await.map(drop) })
    };
    let first = pack();
    gate.reached(1).await;
    let second = pack();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!second.is_finished(), "nobody knows yet where the repository stands");
    gate.resume();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    let log = bench.server.log();
    let methods: Vec<&str> = log.entries().iter().map(|entry| entry.method.as_str()).collect();
    assert_eq!(methods, ["HEAD", "GET", "GET"]);
}

#[tokio::test]
async fn a_repository_that_did_not_say_where_it_stands_is_asked_again() {
    let bench = Bench::new();
    let chart = elsewhere(&bench);
    bench.server.script(Rule::any().method("HEAD").first(1), Fault::close(Stop::Fin));
    let error = bench.pack(&chart).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff, "{}", text(&error));
    bench.pack(&chart).await.unwrap();
}

#[tokio::test]
async fn archives_elsewhere_are_fetched_without_a_digest_only_as_safely_as_the_index() {
    let bench = Bench::new();
    let in_the_clear = ["http://a.example/app.tgz"];
    let chart = ChartRef {
        repository: "https://charts.example.org".to_owned(),
        ..bench.chart(&in_the_clear, None)
    };
    let error = bench.pack(&chart).await.unwrap_err();
    assert!(text(&error).contains("which leads from https to http"), "{}", text(&error));
}

#[tokio::test]
async fn a_chart_that_is_its_own_folder_or_not_is_found() {
    let bench = Bench::new();
    let metadata = "apiVersion: v1\nname: app\nversion: 1.0.0\n";
    let files = [
        ("x/Chart.yaml", metadata),
        ("x/requirements.yaml", "dependencies: [{name: a, repository: b}]"),
    ];
    bench.serve_bytes("app.tgz", archive(&files));
    let packed = bench.pack(&bench.chart(&["app.tgz"], None)).await.unwrap();
    let config = read(&packed, &packed.root().blobs[0], 0).await;
    let expected = r#"{"name":"app","version":"1.0.0","apiVersion":"v1","dependencies":[{"name":"a","repository":"b"}]}"#;
    assert_eq!(std::str::from_utf8(&config).unwrap(), expected);
}
