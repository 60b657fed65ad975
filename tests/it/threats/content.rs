//! Content that lies about itself (threats S9, S10).

use mirror_tests::digest::sha256;
use mirror_tests::sample::{
    DOCKER_IMAGE, EMPTY, IMAGE, INDEX, Image, Sample, describe, image, index, noise,
};
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedRegistry};
use serde_json::{Value, json};

use super::{mirror, registry};

/// Asserts that a root of exactly this text is not copied, and says why.
async fn refuse(media_type: &str, text: &str, reason: &str) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put_blob("app", &b"{}"[..]);
    source.store().put_blob("app", noise("layer", 100));
    source.store().push("app", "v1", &Sample::raw(media_type, text.to_owned()));
    let done = mirror(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains(reason), "{text}\n{done}");
    // What is wrong by itself is not read twice, and nothing of it goes anywhere.
    assert_eq!(source.log().kind(Kind::ManifestGet).count(), 1, "{text}\n{}", source.log());
    destination.log().only(|entry| entry.method != "GET" && entry.method != "HEAD").assert(&[]);
}

fn manifest(layers: &Value) -> Value {
    json!({"schemaVersion": 2, "mediaType": IMAGE, "config": describe(EMPTY, b"{}"), "layers": layers})
}

both_modes!(a_manifest_that_reads_in_two_ways_is_refused);
async fn a_manifest_that_reads_in_two_ways_is_refused() {
    let image = manifest(&json!([]));
    let mut both = image.clone();
    both["manifests"] = json!([]);
    refuse(IMAGE, &both.to_string(), "both manifests and layers").await;
    refuse(INDEX, &both.to_string(), "is ambiguous").await;
    let twice = image.to_string().replacen('{', "{\"layers\":[],", 1);
    refuse(IMAGE, &twice, "cannot be read").await;
    let cased = image.to_string().replacen("\"layers\"", "\"Layers\"", 1);
    refuse(IMAGE, &cased, "key `Layers`").await;
    let mut typed = image.clone();
    typed["mediaType"] = json!(INDEX);
    refuse(INDEX, &typed.to_string(), "by its fields").await;
    refuse(DOCKER_IMAGE, &image.to_string(), "was served as").await;
    refuse(IMAGE, &format!("{image} trailing"), "cannot be read").await;
}

both_modes!(a_digest_that_is_none_is_refused);
async fn a_digest_that_is_none_is_refused() {
    let right = sha256(b"x");
    let upper = format!("sha256:{}", right.trim_start_matches("sha256:").to_uppercase());
    for digest in [
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:00",
        &upper,
        &right.to_uppercase(),
        &format!("{right}0"),
        &right.replace("sha256", "sha512"),
        "sha256:../../../../v2/other/manifests/x",
        "",
    ] {
        let layers = json!([{"mediaType": "a/b", "digest": digest, "size": 1}]);
        refuse(IMAGE, &manifest(&layers).to_string(), "cannot be read").await;
    }
}

both_modes!(a_size_that_is_none_is_refused);
async fn a_size_that_is_none_is_refused() {
    for size in [json!(-1), json!(1.5), json!("1"), json!(null)] {
        let layers = json!([{"mediaType": "a/b", "digest": sha256(b"x"), "size": size}]);
        refuse(IMAGE, &manifest(&layers).to_string(), "cannot be read").await;
    }
    let huge = manifest(&json!([])).to_string().replacen("[]", "[{\"mediaType\":\"a/b\",\"digest\":\"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\",\"size\":18446744073709551616}]", 1);
    refuse(IMAGE, &huge, "cannot be read").await;
}

both_modes!(sizes_that_lie_publish_nothing);
async fn sizes_that_lie_publish_nothing() {
    let layer = noise("layer", 100);
    for size in [99_u64, 101, u64::MAX] {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        source.store().put_blob("app", &b"{}"[..]);
        source.store().put_blob("app", layer.clone());
        let other = json!({"mediaType": "a/b", "digest": sha256(b"o"), "size": size});
        let lies = json!({"mediaType": "a/b", "digest": sha256(&layer), "size": size});
        let layers = if size == u64::MAX { json!([lies, other]) } else { json!([lies]) };
        let sample = Sample::raw(IMAGE, manifest(&layers).to_string());
        source.store().push("app", "v1", &sample);
        let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(!done.stdout.contains("internal error"), "{done}");
        assert!(destination.store().blob("app", &sha256(&layer)).is_none(), "{size}");
        assert!(destination.store().tags("app").is_empty());
    }
}

both_modes!(a_child_whose_size_lies_is_refused);
async fn a_child_whose_size_lies_is_refused() {
    let child = image("child");
    let mut descriptor = child.descriptor();
    descriptor["size"] = json!(child.bytes.len() + 1);
    let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]});
    let root = Sample { children: vec![child], ..Sample::raw(INDEX, text.to_string()) };
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &root);
    let done = mirror(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("bytes where"), "{done}");
    assert!(destination.store().tags("app").is_empty());
}

both_modes!(a_manifest_with_another_digest_is_refused);
async fn a_manifest_with_another_digest_is_refused() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let corrupt = source.script(Rule::on(Kind::ManifestGet), Fault::none().corrupt(40));
    let done = mirror(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert_eq!(corrupt.fired(), 2, "once, and once more: {}", source.log());
    assert!(done.stdout.contains("content has digest"), "{done}");
    destination.log().only(|entry| entry.method != "GET" && entry.method != "HEAD").assert(&[]);
}

both_modes!(a_digest_header_is_a_claim);
async fn a_digest_header_is_a_claim() {
    // Of something that is not there; and one that is no digest at all.
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let claim = Fault::none().header("Docker-Content-Digest", &sha256(b"nothing"));
    source.script(Rule::on(Kind::ManifestHead), claim);
    let done = mirror(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("moved or deleted at the source"), "{done}");

    for claim in ["sha256:xyz", "md5:00", "SHA256:00", ""] {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        let fault = Fault::none().header("Docker-Content-Digest", claim);
        source.script(Rule::on(Kind::ManifestHead), fault);
        mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
        destination.store().assert_holds("app", "v1", &image("app"));
    }
}

both_modes!(manifests_are_pushed_byte_for_byte);
async fn manifests_are_pushed_byte_for_byte() {
    // Spaces, an unknown field, an escaped key value: as written.
    let text = format!(
        "{{ \"schemaVersion\" : 2,\n\t\"mediaType\": \"{IMAGE}\", \"x-unknown\": [1.0, 1e2],\n  \"config\": {}, \"layers\": [ ] }}\n",
        describe(EMPTY, b"{}")
    );
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put_blob("app", &b"{}"[..]);
    source.store().push("app", "v1", &Sample::raw(IMAGE, text.clone()));
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    let copied = destination.store().manifest("app", "v1").expect("the tag was copied");
    assert_eq!(copied.bytes, text.as_bytes());
}

both_modes!(a_subject_that_goes_in_circles_is_nothing_to_walk);
async fn a_subject_that_goes_in_circles_is_nothing_to_walk() {
    let first = image("first");
    let second = Image::new().layer(noise("x", 10)).subject(&first).build();
    let third = index(&[Image::new().layer(noise("y", 10)).subject(&second).build()]);
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put("app", &first);
    source.store().push("app", "v1", &second);
    source.store().push("app", "v2", &third);
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    // Without includeReferrers the subject is no part of the content.
    assert!(destination.store().manifest("app", &first.digest()).is_none());
}
