//! Two runs that write the same name: what the newer has written stays, whatever is repeated.

use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::story::Story;
use super::{Fleet, Mirrored, statuses};

/// The older run looked before the newer one wrote: what it saw is not there any more.
#[tokio::test]
async fn a_repeated_job_that_was_looked_at_before_leaves_what_a_newer_run_has_written() {
    check(true).await;
}

/// The older run looked after the newer one wrote: only the order of the two is against it.
#[tokio::test]
async fn a_repeated_job_that_was_looked_at_after_leaves_what_a_newer_run_has_written() {
    check(false).await;
}

async fn check(is_seen_before: bool) {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("slow", &["0.0.1"]);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("older.yaml", &["slow", "app"], "");
    mirrored.config("newer.yaml", &["app"], "");

    // The first request to a registry goes alone: it must not be the one that is held.
    mirrored.push("first", &["1.0.0"]);
    mirrored.config("first.yaml", &["first"], "");
    mirrored.fleet.sync("first.yaml").run().await.assert_code(0);

    // The older run copies one job at a time. The other one is looked at when the first is under way.
    let (slow, look) = (Gate::closed(), Gate::closed());
    let puts = Rule::on(Kind::UploadPut).repository("slow");
    mirrored.destination.script(puts, Fault::none().hold(&slow));
    let heads = Rule::on(Kind::ManifestHead).repository("app").nth(1);
    mirrored.destination.script(heads, Fault::none().hold(&look));
    let older = mirrored.fleet.sync("older.yaml");
    let older = older.arg("--overwrite").arg("--concurrency=1").arg("-o").arg("json").spawn();
    look.reached(1).await;
    slow.reached(1).await;
    if is_seen_before {
        look.resume();
    }

    // The newer one finds another image behind the same tag.
    let newer_image = image("newer");
    mirrored.source.store().push("app", "1.0.0", &newer_image);
    let newer = mirrored.fleet.sync("newer.yaml").arg("--overwrite").arg("-o").arg("json");
    let newer = newer.run().await;
    newer.assert_code(0);
    assert_eq!(statuses(&newer.json()), ["1.0.0 copied"]);
    mirrored.destination.store().assert_holds("app", "1.0.0", &newer_image);

    // The older one's job begins, is lost with its worker, and is repeated by another.
    let copying = Gate::closed();
    let puts = Rule::on(Kind::UploadPut).repository("app");
    mirrored.destination.script(puts, Fault::none().hold(&copying));
    look.resume();
    slow.resume();
    copying.reached(1).await;
    let worker = mirrored.fleet.take_worker(0);
    worker.kill();
    worker.wait().await;
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    copying.resume();

    let older = older.wait().await;
    older.assert_code(2);
    assert_eq!(statuses(&older.json()), ["0.0.1 copied", "1.0.0 drifted"]);
    mirrored.destination.store().assert_holds("app", "1.0.0", &newer_image);
    let puts = mirrored.destination.log().of("app").kind(Kind::ManifestPut);
    let names = puts.only(|entry| entry.reference.as_deref() == Some("1.0.0"));
    assert_eq!(names.count(), 1, "{puts}");
    let story = Story::of(&mirrored.fleet).await;
    assert_eq!(story.runs().len(), 3);
    assert_eq!(story.count(|record| matches!(record, mirror_proto::Record::Lost(_))), 1);
    story.assert_whole();
    story.assert_led_by_one();
}
