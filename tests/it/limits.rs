//! Bounds: sizes, depths, counts.

use std::sync::Arc;
use std::time::Duration;

use mirror_tests::mirror::Mirror;
use mirror_tests::sample::{IMAGE, INDEX, Image, Sample, image, index, noise};
use mirror_tests::scripted::{Answer, Auth, Fault, Kind, Rule, ScriptedRegistry, TokenAuth};
use mirror_transport::{Budget, Lane, Method, Options, Request, Timing, Transport, TransportError};
use serde_json::json;

/// Two plain registries, and `app:v1` in the first.
fn pair(sample: &Sample) -> (ScriptedRegistry, ScriptedRegistry) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", sample);
    (source, destination)
}

fn mirror(source: &ScriptedRegistry, destination: &ScriptedRegistry) -> Mirror {
    let (from, to) = (source.host(), destination.host());
    Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
}

/// Asserts that the run ends with `reason` and writes nothing.
async fn refuse(source: &ScriptedRegistry, destination: &ScriptedRegistry, reason: &str) {
    let done = mirror(source, destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains(reason), "{done}");
    destination.log().only(|entry| entry.method != "GET" && entry.method != "HEAD").assert(&[]);
    // Debug builds take some 30 MiB by themselves.
    let peak = done.peak_bytes.unwrap_or_default();
    assert!(peak < 256 << 20, "{peak} bytes of memory");
}

/// An image whose manifest has exactly `length` bytes.
fn manifest_of(length: usize) -> Sample {
    let with = |padding: usize| Image::new().annotation("padding", &"x".repeat(padding)).build();
    let own = with(0).bytes.len();
    with(length - own)
}

both_modes!(a_manifest_of_4_mib_is_copied_and_a_larger_one_is_refused);
async fn a_manifest_of_4_mib_is_copied_and_a_larger_one_is_refused() {
    let largest = manifest_of(4 << 20);
    let (source, destination) = pair(&largest);
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &largest);

    let (source, destination) = pair(&manifest_of((4 << 20) + 1));
    refuse(&source, &destination, "is larger than 4 MiB").await;
    assert_eq!(source.log().kind(Kind::ManifestGet).count(), 1, "it does not get smaller");
}

both_modes!(a_manifest_without_an_end_is_cut_off);
async fn a_manifest_without_an_end_is_cut_off() {
    let (source, destination) = pair(&image("app"));
    source.script(Rule::on(Kind::ManifestGet), Fault::none().endless());
    refuse(&source, &destination, "is larger than 4 MiB").await;
    // Also where it is read for its digest alone.
    let (source, destination) = pair(&image("app"));
    source.script(Rule::on(Kind::ManifestGet), Fault::none().endless());
    let silent = Fault::none().without_header("Docker-Content-Digest");
    source.script(Rule::on(Kind::ManifestHead), silent);
    refuse(&source, &destination, "more than 4194304 bytes of manifest").await;
}

both_modes!(a_tag_list_without_an_end_is_cut_off);
async fn a_tag_list_without_an_end_is_cut_off() {
    let (source, destination) = pair(&image("app"));
    source.script(Rule::on(Kind::Tags), Fault::none().endless());
    refuse(&source, &destination, "bytes of tags").await;
}

both_modes!(pages_that_bring_nothing_new_end);
async fn pages_that_bring_nothing_new_end() {
    let (source, destination) = pair(&image("app"));
    let again = Fault::none().header("Link", "</v2/app/tags/list?n=1000>; rel=\"next\"");
    let pages = source.script(Rule::on(Kind::Tags), again);
    refuse(&source, &destination, "its tag list has no end").await;
    // An answer that is wrong may be right the next time: once, and three times more.
    assert_eq!(pages.fired(), 8, "{}", source.log());
}

both_modes!(half_a_million_tags_are_enough);
async fn half_a_million_tags_are_enough() {
    let (source, destination) = pair(&image("app"));
    let tags: Vec<String> = (0..500_001).map(|number| format!("t{number}")).collect();
    let list = json!({"name": "app", "tags": tags});
    source.script(Rule::on(Kind::Tags), Fault::answer(Answer::json(200, &list)));
    refuse(&source, &destination, "has more than 500000 tags").await;
    assert_eq!(source.log().kind(Kind::Tags).count(), 1, "{}", source.log());
}

both_modes!(tags_that_are_too_long_to_be_any_are_not_kept);
async fn tags_that_are_too_long_to_be_any_are_not_kept() {
    let (source, destination) = pair(&image("app"));
    // 40 pages of 16 MiB in one name each.
    let page = Fault::none().edit(|request, answer| {
        let number: usize = request.parameter("page").and_then(|it| it.parse().ok()).unwrap_or(0);
        let name = format!("{number}{}", "x".repeat(16 << 20));
        answer.body = json!({"name": "app", "tags": ["v1", name]}).to_string().into();
        if number < 40 {
            let next = number + 1;
            answer.set("Link", format!("</v2/app/tags/list?page={next}>; rel=\"next\""));
        }
    });
    source.script(Rule::on(Kind::Tags), page);
    refuse(&source, &destination, "its tag list has no end").await;
}

both_modes!(a_token_answer_is_small);
async fn a_token_answer_is_small() {
    let (source, destination) = pair(&image("app"));
    source.set(|options| options.auth = Auth::Token(TokenAuth::default()));
    source.script(Rule::on(Kind::Token), Fault::none().endless());
    refuse(&source, &destination, "more than 1048576 bytes of token").await;
}

both_modes!(headers_are_small);
async fn headers_are_small() {
    // Up to what HTTP itself takes, and beyond.
    for (size, reason) in [(70_000, "more than 65536 bytes of headers"), (900_000, "broke")] {
        let (source, destination) = pair(&image("app"));
        let large = Fault::none().header("X-Large", &"x".repeat(size));
        source.script(Rule::on(Kind::Tags), large);
        let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains(reason), "{done}");
    }
}

both_modes!(an_error_body_without_an_end_is_read_in_part);
async fn an_error_body_without_an_end_is_read_in_part() {
    let (source, destination) = pair(&image("app"));
    source.script(Rule::on(Kind::Tags), Fault::error(403, "DENIED").endless());
    refuse(&source, &destination, "denies access to app").await;
}

/// `image` in indexes, `depth` of them.
fn nested(depth: usize) -> Sample {
    (0..depth).fold(image("deep"), |inner, _| index(&[inner]))
}

both_modes!(indexes_are_nested_four_deep_at_the_most);
async fn indexes_are_nested_four_deep_at_the_most() {
    let (source, destination) = pair(&nested(4));
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &nested(4));

    let (source, destination) = pair(&nested(5));
    refuse(&source, &destination, "has more than 4 levels below it").await;
}

both_modes!(one_index_has_4096_descriptors_at_the_most);
async fn one_index_has_4096_descriptors_at_the_most() {
    let child = image("child").descriptor();
    let children: Vec<_> = (0..4097)
        .map(|number| {
            let mut child = child.clone();
            child["digest"] = json!(format!("sha256:{number:064x}"));
            child
        })
        .collect();
    let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}).to_string();
    let (source, destination) = pair(&Sample::raw(INDEX, text));
    refuse(&source, &destination, "refers to more than 4096 others").await;
    assert_eq!(source.log().kind(Kind::ManifestGet).count(), 1, "{}", source.log());
}

both_modes!(a_tree_has_4096_descriptors_at_the_most);
async fn a_tree_has_4096_descriptors_at_the_most() {
    // Three images of 1500 layers each: every one of them is small enough by itself.
    let images: Vec<Sample> = (0..3)
        .map(|number| {
            let layers: Vec<_> = (0..1500)
                .map(|layer| {
                    json!({"mediaType": "a/b", "size": 1,
                    "digest": format!("sha256:{:064x}", number * 10_000 + layer)})
                })
                .collect();
            let config = mirror_tests::sample::describe("a/c", b"{}");
            let text = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config,
                "layers": layers});
            Sample::raw(IMAGE, text.to_string())
        })
        .collect();
    let (source, destination) = pair(&index(&images));
    refuse(&source, &destination, "has more than 4096 descriptors below it").await;
}

both_modes!(the_manifests_of_a_tree_have_32_mib_at_the_most);
async fn the_manifests_of_a_tree_have_32_mib_at_the_most() {
    let images: Vec<Sample> = (0..9)
        .map(|number| {
            let padding = "x".repeat((4 << 20) - 2000);
            let layer = noise(&number.to_string(), 10);
            Image::new().layer(layer).annotation("padding", &padding).build()
        })
        .collect();
    let (source, destination) = pair(&index(&images));
    refuse(&source, &destination, "bytes of manifests below it").await;
}

both_modes!(a_child_that_is_named_often_is_read_once);
async fn a_child_that_is_named_often_is_read_once() {
    let child = image("child");
    let many = index(&vec![child; 100]);
    let (source, destination) = pair(&many);
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    assert_eq!(source.log().kind(Kind::ManifestGet).count(), 2, "{}", source.log());
    assert_eq!(destination.log().kind(Kind::ManifestPut).count(), 2, "{}", destination.log());
}

/// A transport with the waits of a test.
fn transport(change: impl FnOnce(&mut Timing)) -> Transport {
    let mut timing = Timing::default();
    change(&mut timing);
    Transport::new(Options { insecure: false, user_agent: "test".to_owned(), timing })
}

/// Reads the tag list of a registry whose list meets `fault`.
async fn read(transport: &Transport, fault: Fault) -> Result<usize, TransportError> {
    let (source, _) = pair(&image("app"));
    source.script(Rule::on(Kind::Tags), fault);
    let budget = Budget::new(Duration::from_secs(30));
    let request = Request::new(Method::GET, "/v2/app/tags/list").lane(Lane::Bodies);
    let host = transport.host(&source.host(), None);
    let response = host.send(request, &Arc::clone(&budget)).await?;
    response.bytes("tags", 1 << 20).await.map(|bytes| bytes.len())
}

#[tokio::test]
async fn a_trickle_that_never_ends_is_ended() {
    let transport = transport(|timing| timing.floor = Duration::from_secs(1));
    let slow = Fault::none().body(vec![b'x'; 100_000]).slow(2000);
    let error = read(&transport, slow).await.unwrap_err();
    assert!(matches!(error, TransportError::Slow { .. }), "{error}");
}

#[tokio::test]
async fn silence_is_ended() {
    let short = Duration::from_millis(200);
    let transport = transport(|timing| (timing.idle, timing.answer) = (short, short));
    for fault in [Fault::hang(), Fault::none().cut_after(3, mirror_tests::scripted::Stop::Hang)] {
        let error = read(&transport, fault).await.unwrap_err();
        assert!(matches!(error, TransportError::Silent { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_is_slow_and_not_too_slow_is_read() {
    let transport = transport(|timing| timing.floor = Duration::from_secs(1));
    // Longer than a window by half, and fast enough that whoever sends may wake up late: even one step
    // of 50 ms is more than a window must bring.
    let slow = Fault::none().body(vec![b'x'; 600_000]).slow(400_000);
    assert_eq!(read(&transport, slow).await.unwrap(), 600_000);
}
