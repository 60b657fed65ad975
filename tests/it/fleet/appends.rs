//! Appends that are stored, and whose answer is lost: the leader stays, and nothing stands twice.

use mirror_proto::Record;
use mirror_queue::Timing;

use super::midway::undisturbed;
use super::story::Story;
use super::wire::{Act, Wire};
use super::{Fleet, Mirrored, comparable};

#[tokio::test]
async fn an_append_whose_answer_is_lost_stands_once_and_its_leader_stays() {
    let mut fleet = Fleet::new(1).await;
    fleet.beat = Timing::default().beat();
    let wire = Wire::to(&fleet.nats.host()).await;
    let direct = std::mem::replace(&mut fleet.nats_url, wire.url());
    fleet.coordinator(0, &[]);
    fleet.nats_url = direct;
    fleet.worker(0, &["--concurrency=2"]);
    let mirrored = Mirrored::by(fleet);
    mirrored.push("app", &["1.0.0", "1.1.0", "2.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");

    let kinds: [fn(&Record) -> bool; 6] = [
        |record| matches!(record, Record::Submitted(_)),
        |record| matches!(record, Record::Planned(_)),
        |record| matches!(record, Record::Seen { .. }),
        |record| matches!(record, Record::Intent(_)),
        |record| matches!(record, Record::Row(_)),
        |record| matches!(record, Record::Ended { .. }),
    ];
    let lost =
        kinds.map(|kind| wire.catch(Act::LoseAnswer, move |records| records.iter().any(kind)));
    let finished = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    for caught in lost {
        caught.wait().await;
    }
    finished.assert_code(0);
    assert_eq!(comparable(&finished.json()), undisturbed(&mirrored).await);

    let story = Story::of(&mirrored.fleet).await;
    assert_eq!(story.terms().len(), 1, "{:?}", story.terms());
    story.assert_led_by_one();
    story.assert_whole();
    assert_eq!(kinds.map(|kind| story.count(kind)), [1, 1, 3, 3, 3, 1]);
}
