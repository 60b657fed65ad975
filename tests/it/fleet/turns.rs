//! Runs that want the same: the second is looked at again when the first is done, and copies nothing twice.

use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored, SETTLED};
use crate::requests::pair::assert_rows;

/// Runs two configs, the second while the first is in the middle of its blobs; returns after the statuses
/// of both were seen.
async fn check(mirrored: &Mirrored, first: (&str, &str), second: (&str, &str)) {
    let gate = Gate::closed();
    let upload = Rule::on(Kind::UploadPut).first(1);
    mirrored.destination.script(upload, Fault::none().hold(&gate));
    let begin = |config: &str| mirrored.fleet.sync(config).arg("-o").arg("json").spawn();
    let older = begin("first.yaml");
    gate.reached(1).await;
    let newer = begin("second.yaml");
    // Its plan is in the log, and its first look done: it waits for its turn.
    let heads = || mirrored.destination.log().kind(Kind::ManifestHead).count();
    mirror_tests::binary::eventually("both looked", super::PATIENCE, || heads() >= 2).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(mirrored.source.log().kind(Kind::ManifestGet).count(), 1, "one is under way");
    gate.resume();
    assert_rows(older.wait().await.assert_code(0), 0, &[first]);
    assert_rows(newer.wait().await.assert_code(0), 0, &[second]);
    let uploads = mirrored.destination.log().kind(Kind::UploadPut).count();
    assert_eq!(uploads, 3, "each blob once");
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn two_runs_of_one_tag_copy_it_once() {
    let mirrored = Mirrored::by(Fleet::start_calm(2).await);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("first.yaml", &["app"], "");
    mirrored.config("second.yaml", &["app"], "");
    check(&mirrored, ("1.0.0", "copied"), ("1.0.0", "skipped")).await;
    mirrored.assert_mirrored("app", &["1.0.0"]);
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
}

#[tokio::test]
async fn two_runs_of_one_image_send_its_blobs_once() {
    let mirrored = Mirrored::by(Fleet::start_calm(2).await);
    let same = image("same");
    for tag in ["1.0.0", "2.0.0"] {
        mirrored.source.store().push("app", tag, &same);
    }
    let config = |name: &str, tag: &str| {
        let (source, destination) = (mirrored.source.host(), mirrored.destination.host());
        let config = format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n\
             - {{source: {source}/app, destination: {destination}/app, \
             selector: {{semver: '={tag}'}}}}\n"
        );
        mirrored.fleet.binary.write(name, config);
    };
    config("first.yaml", "1.0.0");
    config("second.yaml", "2.0.0");
    check(&mirrored, ("1.0.0", "copied"), ("2.0.0", "copied")).await;
    for tag in ["1.0.0", "2.0.0"] {
        mirrored.destination.store().assert_holds("app", tag, &same);
        assert_eq!(mirrored.writes("app", tag), 1);
    }
}
