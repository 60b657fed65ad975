//! The scripted registry, seen by our plain client, by curl's manners and on the bare wire.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;
use crate::client::Client;
use crate::digest::sha256;
use crate::pki::Pki;
use crate::sample::{artifact, docker_list, image, index, noise, referrer, two_platforms};

/// Sends bytes over a new connection and returns all that comes until its end.
async fn raw(host: &str, request: &str) -> (String, Option<std::io::ErrorKind>) {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.err().map(|error| error.kind());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// A registry with one blob of 1,000 bytes, and the blob's path.
fn with_blob() -> (ScriptedRegistry, String) {
    let registry = ScriptedRegistry::plain();
    let digest = registry.store().put_blob("app", noise("blob", 1000));
    (registry, format!("/v2/app/blobs/{digest}"))
}

#[tokio::test]
async fn what_is_pushed_can_be_pulled() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let samples = [
        ("image", image("a")),
        ("index", two_platforms("b")),
        ("nested", index(&[two_platforms("c"), image("d")])),
        ("list", docker_list(&[crate::sample::Image::new().docker().layer("x").build()])),
        ("artifact", artifact("application/vnd.test", "hello")),
    ];
    for (tag, sample) in &samples {
        client.push("some/app", tag, sample).await;
        client.assert_holds("some/app", tag, sample).await;
        registry.store().assert_holds("some/app", tag, sample);
    }
    assert_eq!(client.tags("some/app").await, ["artifact", "image", "index", "list", "nested"]);
    assert_eq!(client.tags("other").await, [""; 0]);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let registry = ScriptedRegistry::start(ScriptedOptions { page: Some(2), ..Default::default() });
    for tag in ["a", "b", "c", "d", "e"] {
        registry.store().push("app", tag, &image("x"));
    }
    let client = Client::new(&registry.host());
    assert_eq!(client.tags("app").await, ["a", "b", "c", "d", "e"]);
    registry.log().of("app").assert(&[(Kind::Tags, 3)]);
    let answer = client.send("GET", "/v2/app/tags/list?n=1&last=c", &[], b"").await;
    assert_eq!(answer.header("link"), Some("</v2/app/tags/list?last=d&n=1>; rel=\"next\""));
}

#[tokio::test]
async fn a_manifest_needs_its_parts() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let sample = image("a");
    let headers = [("Content-Type", sample.media_type.as_str())];
    let put = client.send("PUT", "/v2/app/manifests/v1", &headers, &sample.bytes).await;
    assert_eq!(put.status, 404);
    assert!(String::from_utf8_lossy(&put.body).contains("MANIFEST_BLOB_UNKNOWN"));
    registry.set(|options| options.check_manifests = false);
    let put = client.send("PUT", "/v2/app/manifests/v1", &headers, &sample.bytes).await;
    assert_eq!(put.status, 201);
    assert!(registry.store().judge("app", "v1").unwrap_err().contains("is missing"));
}

#[tokio::test]
async fn uploads_go_on_where_they_broke() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let blob = noise("big", 10_000);
    let digest = sha256(&blob);
    let begun = client.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let first = begun.header("location").unwrap().to_owned();
    let patched = client.send("PATCH", &first, &[], &blob[..4000]).await;
    assert_eq!((patched.status, patched.header("range")), (202, Some("0-3999")));

    let stale = client.send("PATCH", &first, &[], &blob[4000..]).await;
    assert_eq!(stale.status, 400, "an old Location is refused");
    let second = patched.header("location").unwrap().to_owned();
    let gap = [("Content-Range", "5000-9999")];
    assert_eq!(client.send("PATCH", &second, &gap, &blob[5000..]).await.status, 416);

    registry
        .script(Rule::on(Kind::UploadPatch).nth(1), Fault::none().stop_reading(1000, Stop::Reset));
    let request = format!(
        "PATCH {second} HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n{}",
        "x".repeat(6000)
    );
    raw(&registry.host(), &request).await;
    let status = client.send("GET", &second, &[], b"").await;
    assert_eq!((status.status, status.header("range")), (204, Some("0-4999")));

    let third = status.header("location").unwrap();
    let put = client.send("PUT", &format!("{third}&digest={digest}"), &[], &blob[5000..]).await;
    assert_eq!(put.status, 400, "the 1,000 bytes that came were not of the blob");
    assert_eq!(registry.store().uploads(), 0);
}

#[tokio::test]
async fn blobs_are_mounted_or_an_upload_is_opened() {
    let (registry, path) = with_blob();
    let client = Client::new(&registry.host());
    let digest = path.rsplit('/').next().unwrap();
    let mount = |source: &str| format!("/v2/new/blobs/uploads/?mount={digest}&from={source}");
    assert_eq!(client.send("POST", &mount("none"), &[], b"").await.status, 202);
    assert_eq!(client.send("POST", &mount("app"), &[], b"").await.status, 201);
    assert!(registry.store().blob("new", digest).is_some());
    let single = format!("/v2/new/blobs/uploads/?digest={}", sha256(b"x"));
    assert_eq!(client.send("POST", &single, &[], b"x").await.status, 201);
    registry.set(|options| options.single_post = false);
    assert_eq!(client.send("POST", &single, &[], b"x").await.status, 202);
    registry.log().assert(&[(Kind::MountPost, 2), (Kind::UploadPost, 2)]);
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_paged() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let subject = image("a");
    registry.store().push("app", "v1", &subject);
    for (kind, blob) in [("x/sig", "1"), ("x/sig", "2"), ("x/sbom", "3")] {
        registry.store().put("app", &referrer(kind, &subject, blob));
    }
    registry.set(|options| options.referrers_page = Some(2));
    let list = format!("/v2/app/referrers/{}", subject.digest());
    let count = |answer: &Answer| {
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        value["manifests"].as_array().unwrap().len()
    };
    let all = client.send("GET", &list, &[], b"").await;
    assert_eq!(count(&all), 2);
    assert!(all.header("link").unwrap().contains("page=2"));
    let filtered = client.send("GET", &format!("{list}?artifactType=x/sbom"), &[], b"").await;
    assert_eq!(count(&filtered), 1);
    assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
    let elsewhere = format!("/v2/none/referrers/{}", subject.digest());
    let unknown = client.send("GET", &elsewhere, &[], b"").await;
    assert!(unknown.status == 404 && unknown.body.windows(12).any(|at| at == b"NAME_UNKNOWN"));
    registry.set(|options| options.referrers = false);
    assert_eq!(client.send("GET", &list, &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_referrer_may_be_listed_late_and_be_told_of_or_not() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let subject = image("a");
    registry.store().push("app", "v1", &subject);
    registry.set(|options| options.referrers_lag = 2);
    let list = format!("/v2/app/referrers/{}", subject.digest());
    let put = async |blob: &'static str| {
        let signature = referrer("x/sig", &subject, blob);
        for blob in signature.all_blobs() {
            registry.store().put_blob("app", blob);
        }
        let target = format!("/v2/app/manifests/{}", signature.digest());
        let headers = [("Content-Type", signature.media_type.as_str())];
        client.send("PUT", &target, &headers, &signature.bytes).await
    };
    assert_eq!(put("1").await.header("oci-subject"), Some(subject.digest().as_str()));
    for expected in [0, 0, 1, 1] {
        let listed = client.send("GET", &list, &[], b"").await;
        let listed: Value = serde_json::from_slice(&listed.body).unwrap();
        assert_eq!(listed["manifests"].as_array().unwrap().len(), expected);
    }
    registry.set(|options| options.subject_header = false);
    let silent = put("2").await;
    assert_eq!((silent.status, silent.header("oci-subject")), (201, None));
}

#[tokio::test]
async fn a_manifest_is_put_if_it_is_the_one_that_was_seen() {
    let registry = ScriptedRegistry::plain();
    let client = Client::new(&registry.host());
    let (old, new) = (image("old"), image("new"));
    registry.store().push("app", "v1", &old);
    registry.store().put("app", &new);
    let target = "/v2/app/manifests/v1";
    let seen = client.send("GET", target, &[("Accept", "*/*")], b"").await;
    let etag = seen.header("etag").unwrap().to_owned();
    let put = async |etag: &str, target: &str| {
        let headers = [("Content-Type", new.media_type.as_str()), ("If-Match", etag)];
        client.send("PUT", target, &headers, &new.bytes).await.status
    };
    assert_eq!(put(&etag, target).await, 201);
    assert_eq!(put(&etag, target).await, 412);
    assert_eq!(put("*", target).await, 201);
    assert_eq!(put("*", "/v2/app/manifests/v2").await, 412);
    registry.set(|options| (options.if_match, options.etags) = (false, false));
    assert_eq!(put(&etag, target).await, 201);
    let silent = client.send("GET", target, &[("Accept", "*/*")], b"").await;
    assert_eq!(silent.header("etag"), None);
}

#[tokio::test]
async fn ranges_are_served() {
    let (registry, path) = with_blob();
    let client = Client::new(&registry.host());
    let part = async |range: &str| client.send("GET", &path, &[("Range", range)], b"").await;
    let middle = part("bytes=10-19").await;
    assert_eq!((middle.status, middle.body.len()), (206, 10));
    assert_eq!(middle.header("content-range"), Some("bytes 10-19/1000"));
    assert_eq!(part("bytes=990-").await.body.len(), 10);
    assert_eq!(part("bytes=1000-").await.status, 416);
    let other = [("Range", "bytes=10-"), ("If-Range", "\"other\"")];
    assert_eq!(client.send("GET", &path, &other, b"").await.status, 200);
}

#[tokio::test]
async fn tokens_are_checked_for_scope_and_time() {
    let auth = TokenAuth {
        realm: Realm::Other,
        users: vec![User::new("ci", "secret")],
        anonymous: Some("public/".to_owned()),
        lifetime: Duration::from_hours(1),
        ..TokenAuth::default()
    };
    let registry =
        ScriptedRegistry::start(ScriptedOptions { auth: Auth::Token(auth), ..Default::default() });
    let sample = image("a");
    registry.store().push("public/app", "v1", &sample);
    let client = Client::new(&registry.host());
    client.clone().credentials("ci", "secret").push("app", "v1", &sample).await;
    client.assert_holds("public/app", "v1", &sample).await;
    assert_eq!(client.send("GET", "/v2/app/tags/list", &[], b"").await.status, 401);
    assert_eq!(registry.log().kind(Kind::Token).only(|one| one.status == Some(200)).count(), 17);

    let scope = "/token?service=scripted&scope=repository:public/app:pull";
    let answer = client.send("GET", &format!("{}{scope}", registry.other_url()), &[], b"").await;
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    let bearer = format!("Bearer {}", value["token"].as_str().unwrap());
    let bearer = [("Authorization", bearer.as_str())];
    let tags = async |name: &str| {
        let target = format!("/v2/{name}/tags/list");
        client.exchange_once(&target, &bearer).await.status
    };
    assert_eq!(tags("public/app").await, 200);
    assert_eq!(tags("app").await, 401);
    registry.age_tokens(Duration::from_mins(59));
    assert_eq!(tags("public/app").await, 200);
    registry.age_tokens(Duration::from_mins(1));
    assert_eq!(tags("public/app").await, 401);
}

#[tokio::test]
async fn basic_is_checked() {
    let auth = Auth::Basic { user: "u".to_owned(), password: "p:q".to_owned() };
    let registry = ScriptedRegistry::start(ScriptedOptions { auth, ..Default::default() });
    let client = Client::new(&registry.host());
    assert_eq!(client.send("GET", "/v2/", &[], b"").await.status, 401);
    let known = client.credentials("u", "p:q");
    assert_eq!(known.send("GET", "/v2/", &[], b"").await.status, 200);
    assert_eq!(registry.log().only(|one| one.authorization.is_some()).count(), 1);
}

#[tokio::test]
async fn tls_and_redirects_to_the_other_host_work() {
    let pki = Pki::new();
    let registry = ScriptedRegistry::start(ScriptedOptions {
        tls: Some(pki.clone()),
        redirect_blobs: true,
        absolute_locations: true,
        ..Default::default()
    });
    let client = Client::new(&registry.host()).tls(&pki);
    client.push("app", "v1", &image("a")).await;
    client.assert_holds("app", "v1", &image("a")).await;
    assert_eq!(registry.log().kind(Kind::Cdn).count(), 3);
}

// ---- faults on the wire ----

#[tokio::test]
async fn a_body_is_cut_short_long_or_corrupt_as_told() {
    let (registry, path) = with_blob();
    let blob = noise("blob", 1000);
    let client = Client::new(&registry.host());
    let fetch = async |fault: Fault| {
        registry.clear_script();
        let happened = registry.script(Rule::on(Kind::BlobGet).nth(1), fault);
        let answer = client.send("GET", &path, &[], b"").await;
        assert_eq!(happened.fired(), 1);
        answer
    };
    let corrupt = fetch(Fault::none().corrupt(7)).await.body;
    assert_eq!(corrupt.iter().zip(&blob).filter(|(found, right)| found != right).count(), 1);
    let short = fetch(Fault::none().short(400)).await;
    assert_eq!((short.body.len(), short.header("content-length")), (400, Some("400")));
    assert_eq!(fetch(Fault::none().long(5)).await.body.len(), 1005);
    assert_eq!(fetch(Fault::none().framing(Framing::Chunked)).await.body, blob);
    let until_end = Fault::none().framing(Framing::Close).cut_after(300, Stop::Fin);
    assert_eq!(fetch(until_end).await.body.len(), 300);
    let wrong = Fault::none().header("Docker-Content-Digest", "sha256:00");
    assert_eq!(fetch(wrong).await.header("docker-content-digest"), Some("sha256:00"));
    let none = Fault::none().without_header("Docker-Content-Digest");
    assert_eq!(fetch(none).await.header("docker-content-digest"), None);
    let busy = Fault::status(429).header("Retry-After", "7").body("slow down");
    let busy = fetch(busy).await;
    assert_eq!(
        (busy.status, busy.header("retry-after"), &busy.body[..]),
        (429, Some("7"), &b"slow down"[..])
    );
}

#[tokio::test]
async fn a_connection_is_given_up_as_told() {
    let (registry, path) = with_blob();
    let fetch = async |fault: Fault| {
        registry.clear_script();
        registry.script(Rule::on(Kind::BlobGet), fault);
        raw(&registry.host(), &get(&path)).await
    };
    let reset = Some(std::io::ErrorKind::ConnectionReset);
    assert_eq!(fetch(Fault::close(Stop::Fin)).await, (String::new(), None));
    assert_eq!(fetch(Fault::close(Stop::Reset)).await, (String::new(), reset));
    let (text, end) = fetch(Fault::none().stop(At::Head, Stop::Fin)).await;
    assert!(text.ends_with("\r\n\r\n") && text.contains("Content-Length: 1000") && end.is_none());
    let digits = Fault::none().body("0123456789");
    let (text, end) = fetch(digits.clone().cut_after(4, Stop::Fin)).await;
    assert!(text.contains("Content-Length: 10\r\n") && text.ends_with("0123"), "{text}");
    assert_eq!(end, None);
    let (_, end) = fetch(digits.clone().cut_after(4, Stop::Reset)).await;
    assert_eq!(end, reset);
    let (text, _) = fetch(digits.framing(Framing::Lying(99))).await;
    assert!(text.contains("Content-Length: 99\r\n") && text.ends_with("0123456789"));
}

#[tokio::test]
async fn a_reset_does_not_overtake_what_was_written() {
    let (registry, path) = with_blob();
    // Less than the queues on both sides hold, and more than that of the reading side does.
    let long = Fault::none().body(vec![b'x'; 500_000]).cut_after(400_000, Stop::Reset);
    registry.script(Rule::on(Kind::BlobGet), long);
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    stream.write_all(get(&path).as_bytes()).await.unwrap();
    let written = || registry.log().entries().first().is_some_and(|entry| entry.end.is_some());
    crate::binary::eventually("the answer is written", Duration::from_secs(30), written).await;
    // A reset that waits for nobody has come by now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(bytes.len() - body, 400_000);
}

#[tokio::test]
async fn silence_slowness_and_delays_take_their_time() {
    let (registry, path) = with_blob();
    let fetch = async |fault: Fault| {
        registry.clear_script();
        registry.script(Rule::on(Kind::BlobGet), fault);
        let begin = Instant::now();
        raw(&registry.host(), &get(&path)).await;
        begin.elapsed()
    };
    for silent in [Fault::hang(), Fault::none().cut_after(10, Stop::Hang)] {
        let patience = Duration::from_secs(1);
        assert!(tokio::time::timeout(patience, fetch(silent)).await.is_err());
    }
    let slow = fetch(Fault::none().slow(5000)).await;
    assert!(slow > Duration::from_millis(180), "{slow:?}");
    let late = fetch(Fault::none().delay(Duration::from_millis(100))).await;
    assert!(late > Duration::from_millis(95), "{late:?}");
}

#[tokio::test]
async fn an_endless_body_ends_with_the_client_and_is_counted() {
    let (registry, path) = with_blob();
    registry.script(Rule::on(Kind::BlobGet), Fault::none().endless());
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    stream.write_all(get(&path).as_bytes()).await.unwrap();
    let mut buffer = vec![0; 1024 * 1024];
    stream.read_exact(&mut buffer).await.unwrap();
    drop(stream);
    let ended = || registry.log().entries()[0].end.is_some();
    crate::binary::eventually("the answer ends", Duration::from_secs(5), ended).await;
    assert!(registry.log().entries()[0].sent_bytes > 900_000);
}

#[tokio::test]
async fn a_test_can_act_while_a_request_waits() {
    let registry = ScriptedRegistry::plain();
    registry.store().push("app", "v1", &image("old"));
    let gate = Gate::closed();
    registry.script(Rule::on(Kind::ManifestGet).nth(1), Fault::none().hold(&gate));
    let client = Client::new(&registry.host());
    let asked = tokio::spawn(async move { client.resolve("app", "v1").await });
    gate.reached(1).await;
    registry.store().push("app", "v1", &image("new"));
    gate.resume();
    assert_eq!(asked.await.unwrap(), Some(image("new").digest()));
    assert_eq!(registry.log().in_flight(), 1);
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_it_is_used_again() {
    let (registry, path) = with_blob();
    registry.script(Rule::on(Kind::BlobGet).reused(), Fault::close(Stop::Reset));
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 1000];
    let first = stream.read_exact(&mut buffer).await.unwrap();
    assert_eq!(first, 1000);
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(stream.read_to_end(&mut buffer).await.is_err());
    let log = registry.log();
    assert_eq!(log.connections(), 1);
    assert_eq!(log.entries().iter().map(|one| one.reused).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
#[should_panic(expected = "! BlobGet: expected 2, came 1")]
async fn a_wrong_count_is_told_with_the_requests() {
    let (registry, path) = with_blob();
    Client::new(&registry.host()).send("GET", &path, &[], b"").await;
    registry.log().assert(&[(Kind::BlobGet, 2)]);
}
