//! Who is not the registry gets none of its credentials, whatever he asks for (threats S2, S3, S4).

use mirror_tests::sample::{Image, noise};
use mirror_tests::scripted::{
    Answer, Auth, Fault, Kind, Listener, Rule, ScriptedRegistry, TokenAuth, User, habits,
};

use super::{mirror, registry};

const ROBOT: &str = "username: robot, credential: {value: hunter2}";

fn want_tokens(registry: &ScriptedRegistry) {
    let users = vec![User::new("robot", "hunter2")];
    registry.set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
}

/// Answers 401 with a challenge that leads to `thief`, first for a token and then by Basic.
fn challenge(thief: &ScriptedRegistry) -> [Fault; 2] {
    let realm = format!("Bearer realm=\"{}/token\",service=\"x\"", thief.url());
    [realm, "Basic realm=\"x\"".to_owned()]
        .map(|challenge| Fault::status(401).header("WWW-Authenticate", &challenge))
}

#[tokio::test]
async fn a_challenge_of_a_redirects_target_is_not_met() {
    let thief = ScriptedRegistry::plain();
    for fault in challenge(&thief) {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        want_tokens(&source);
        source.set(|options| options.redirect_blobs = true);
        let asked = source.script(Rule::any().at_other_host(), fault);
        let mirror = mirror(&source, &destination).host(&source.host(), ROBOT);
        let done = mirror.sync(&["--concurrency", "1", "--retries", "0"]).run().await;
        done.assert_code(1);
        assert_eq!(asked.fired(), 1, "{}", source.log());
        source.log().only(|entry| entry.listener == Listener::Other).assert_anonymous();
        assert_eq!(source.log().kind(Kind::Token).count(), 1, "{}", source.log());
    }
    thief.log().assert(&[]);
}

#[tokio::test]
async fn a_challenge_of_a_foreign_location_is_not_met() {
    let thief = ScriptedRegistry::plain();
    for fault in challenge(&thief) {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        want_tokens(&destination);
        habits::uploads_elsewhere(&destination);
        destination.script(Rule::any().at_other_host(), fault);
        let mirror = mirror(&source, &destination).host(&destination.host(), ROBOT);
        mirror.sync(&["--concurrency", "1", "--retries", "0"]).run().await.assert_code(1);
        let other = destination.log().only(|entry| entry.listener == Listener::Other);
        assert!(other.count() > 0);
        other.assert_anonymous();
    }
    thief.log().assert(&[]);
}

#[tokio::test]
async fn who_was_sent_away_and_back_carries_no_credentials() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    want_tokens(&source);
    source.set(|options| options.redirect_blobs = true);
    let back = format!("{}/v2/app/tags/list?stolen", source.url());
    source.script(Rule::on(Kind::Cdn), Fault::redirect(302, &back));
    let mirror = mirror(&source, &destination).host(&source.host(), ROBOT);
    mirror.sync(&["--concurrency", "1", "--retries", "0"]).run().await.assert_code(1);
    let stolen = source.log().only(|entry| entry.target.ends_with("stolen"));
    assert!(stolen.count() >= 1, "{}", source.log());
    stolen.assert_anonymous();
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_its_credentials() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    want_tokens(&source);
    let moved = Fault::instead(|request, _| {
        let is_asked = !request.target.contains("moved");
        let to = format!("{}?moved", request.path);
        is_asked.then(|| Answer::status(307).with("Location", to))
    });
    source.script(Rule::on(Kind::BlobGet), moved);
    let mirror = mirror(&source, &destination).host(&source.host(), ROBOT);
    mirror.sync(&[]).run().await.assert_code(0);
}

both_modes!(a_stranger_is_told_neither_who_we_are_nor_what_we_were_given);
async fn a_stranger_is_told_neither_who_we_are_nor_what_we_were_given() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    source.set(|options| options.redirect_blobs = true);
    source.script(Rule::any(), Fault::none().header("Set-Cookie", "sid=1; Path=/"));
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    let other = source.log().only(|entry| entry.listener == Listener::Other);
    assert_eq!(other.count(), 3);
    for entry in other.entries() {
        for (name, _) in &entry.headers {
            let name = name.to_ascii_lowercase();
            let known = ["host", "user-agent", "accept", "range", "if-range"];
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }
}

both_modes!(urls_of_foreign_layers_are_never_fetched);
async fn urls_of_foreign_layers_are_never_fetched() {
    let lures = ScriptedRegistry::plain();
    let url = format!("{}/layer.tar.gz", lures.url());
    for docker in [false, true] {
        let foreign = noise("foreign", 100);
        let sample = Image::new().layer(noise("own", 100)).foreign_layer(&url, &foreign);
        let sample = if docker { sample.docker().build() } else { sample.build() };
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        source.store().push("app", "v1", &sample);
        destination.set(|options| options.check_manifests = false);
        mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
        let copied = destination.store().manifest("app", "v1").expect("the tag was copied");
        assert_eq!(copied.bytes, sample.bytes, "byte for byte, with its urls");
        assert_eq!(source.log().kind(Kind::BlobGet).count(), 2, "{}", source.log());
    }
    lures.log().assert(&[]);
}

both_modes!(urls_of_ordinary_layers_are_not_fetched_either);
async fn urls_of_ordinary_layers_are_not_fetched_either() {
    let lures = ScriptedRegistry::plain();
    let layer = noise("own", 100);
    let mut descriptor = mirror_tests::sample::describe("a/b", &layer);
    descriptor["urls"] = serde_json::json!([format!("{}/layer", lures.url())]);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": mirror_tests::sample::IMAGE,
        "config": mirror_tests::sample::describe(mirror_tests::sample::EMPTY, b"{}"),
        "layers": [descriptor],
    });
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put_blob("app", &b"{}"[..]);
    let image = mirror_tests::sample::IMAGE;
    let sample = mirror_tests::sample::Sample::raw(image, manifest.to_string());
    source.store().push("app", "v1", &sample);
    // The registry does not have it: that is an error, and no reason to look elsewhere.
    mirror(&source, &destination).sync(&[]).run().await.assert_code(1);
    lures.log().assert(&[]);
}
