//! A plan of several parts, whose leader dies between them or after the last: the next one plans anew
//! what is not whole, and the command line shows that plan alone.

use mirror_proto::Record;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Rule};

use super::processes::BEAT_WITH_STANDBY;
use super::story::{Story, text};
use super::wire::{Act, Wire};
use super::{Fleet, Mirrored, statuses};

/// Tags of such length that their plan is of several parts.
const TAGS: usize = 2000;

fn tag(number: usize) -> String {
    format!("t{number:0>120}")
}

/// A destination that holds all of a long list of tags but one, and a coordinator on a wire.
async fn long_list() -> (Mirrored, Wire) {
    let mut fleet = Fleet::new(2).await;
    fleet.beat = BEAT_WITH_STANDBY;
    let wire = Wire::to(&fleet.nats.host()).await;
    let direct = std::mem::replace(&mut fleet.nats_url, wire.url());
    fleet.coordinator(0, &[]);
    fleet.nats_url = direct;
    assert_eq!(fleet.leader().await, 0);
    fleet.coordinator(1, &[]);
    fleet.worker(0, &["--concurrency=2"]);
    let mirrored = Mirrored::by(fleet);
    let sample = image("one");
    for registry in [&mirrored.source, &mirrored.destination] {
        let digest = registry.store().put("many", &sample);
        (0..TAGS).for_each(|number| registry.store().tag("many", &tag(number), &digest));
    }
    mirrored.destination.store().untag("many", &tag(7));
    mirrored.destination.store().tag("many", &tag(TAGS), &sample.digest());
    // It fails as it is planned, and has its row in the plan.
    let head = Rule::any().matching({
        let gone = tag(3);
        move |request| request.reference() == gone
    });
    mirrored.source.script(head, Fault::error(404, "MANIFEST_UNKNOWN"));
    let config = format!(
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n\
         - {{source: {}/many, destination: {}/many, \
         selector: {{regex: {{pattern: '.*'}}, sortBy: alphabetical, limit: 0}}}}\n",
        mirrored.source.host(),
        mirrored.destination.host()
    );
    mirrored.fleet.binary.write("mirror.yaml", config);
    (mirrored, wire)
}

/// Returns the rows of these tags.
fn expected(tags: impl Iterator<Item = usize>) -> Vec<String> {
    let mut rows: Vec<String> = tags
        .map(|number| match number {
            3 => format!("{} failed", tag(number)),
            7 => format!("{} copied", tag(number)),
            _ => format!("{} skipped", tag(number)),
        })
        .collect();
    rows.sort();
    rows
}

/// Kills the leader where it appends what `choose` says, changes the source, and asserts that the
/// report is that of the tags that are `planned`.
async fn check(
    choose: impl Fn(&Record) -> bool + Send + 'static,
    planned: impl Iterator<Item = usize>,
) {
    let (mut mirrored, wire) = long_list().await;
    let caught = wire.catch(Act::Hold, move |records| records.iter().any(&choose));
    let sync = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    caught.wait().await;
    let leader = mirrored.fleet.take_coordinator(0);
    leader.kill();
    leader.wait().await;
    let digest = image("one").digest();
    mirrored.source.store().untag("many", &tag(0));
    mirrored.source.store().tag("many", &tag(TAGS), &digest);
    let finished = sync.wait().await;
    finished.assert_code(1);
    let expected = expected(planned);
    let rows = statuses(&finished.json());
    let lost: Vec<&String> = expected.iter().filter(|row| !rows.contains(row)).collect();
    let added: Vec<&String> = rows.iter().filter(|row| !expected.contains(row)).collect();
    assert!(lost.is_empty() && added.is_empty(), "lost {lost:?}, added {added:?}");
    assert_eq!(rows.len(), expected.len(), "some rows stand twice");
    let story = Story::of(&mirrored.fleet).await;
    assert!(story.count(|record| matches!(record, Record::Planned(_))) > 2, "a plan of one part");
    assert_eq!(story.terms().len(), 2);
    story.assert_whole();
    story.assert_led_by_one();
    let run = text(story.runs()[0]);
    let run = mirrored.fleet.runs(&["get", &run, "-o", "json"]).run().await.json();
    let counts = ["rows", "settled", "failed", "drifted"].map(|count| run[count].as_u64().unwrap());
    assert_eq!(counts, [TAGS as u64, TAGS as u64, 1, 0]);
}

#[tokio::test]
async fn a_plan_that_was_cut_short_is_made_anew() {
    let is_second = |record: &Record| matches!(record, Record::Planned(part) if part.items.as_ref().is_ok_and(|items| items.first > 0));
    check(is_second, 1..=TAGS).await;
}

#[tokio::test]
async fn a_plan_that_is_whole_stands() {
    let is_later = |record: &Record| matches!(record, Record::Seen { .. } | Record::Row(_));
    check(is_later, 0..TAGS).await;
}
