//! A run in the middle: some of its rows are in the log, and the blobs of the rest are held at the
//! destination.

use mirror_model::RunId;
use mirror_tests::binary::{Call, Finished, Running};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule, ScriptedRegistry};
use serde_json::Value;

use super::processes::Fleet;
use super::story::Story;
use super::{Mirrored, comparable};

/// What is done by the time that the fault comes, and what is not.
const DONE: [&str; 2] = ["1.0.0", "1.1.0"];
/// Fewer than two workers of two slots take: those of `DONE` get through beside them.
const HELD: [&str; 3] = ["0.1.0", "0.2.0", "0.3.0"];

/// A run in the middle.
pub(crate) struct Midway {
    pub(crate) mirrored: Mirrored,
    /// Holds the blobs of what is not done.
    pub(crate) gate: Gate,
    /// The `sync` that submitted the run, with `-o json`.
    pub(crate) sync: Running,
    pub(crate) run: RunId,
}

impl Midway {
    /// Brings a run to its middle.
    pub(crate) async fn of(fleet: Fleet) -> Self {
        Self::with(fleet, &[]).await
    }

    /// Brings a run to its middle that was submitted with more arguments.
    pub(crate) async fn with(fleet: Fleet, arguments: &[&str]) -> Self {
        let mirrored = Mirrored::by(fleet);
        mirrored.push("app", &DONE);
        mirrored.push("lib", &HELD);
        mirrored.config("mirror.yaml", &["app", "lib"], "");
        let gate = Gate::closed();
        let puts = Rule::on(Kind::UploadPut).repository("lib");
        mirrored.destination.script(puts, Fault::none().hold(&gate));
        let sync = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json");
        let sync = arguments.iter().fold(sync, Call::arg).spawn();
        let is_midway = |story: &Story| {
            let run = story.runs().first().copied();
            run.is_some_and(|run| story.rows(run).len() == DONE.len())
        };
        let story = Story::until(&mirrored.fleet, "the first rows", is_midway).await;
        gate.reached(1).await;
        let run = story.runs()[0];
        Self { mirrored, gate, sync, run }
    }

    /// Lets the rest through, and waits for the report.
    pub(crate) async fn finish(self) -> (Mirrored, Finished) {
        self.gate.resume();
        let finished = self.sync.wait().await;
        (self.mirrored, finished)
    }
}

/// Asserts that a run in whose middle something failed has come to the report that it would have come
/// to: all names written, one row each in the log, one leader after the other.
pub(crate) async fn assert_undisturbed(mirrored: &Mirrored, finished: &Finished) -> Story {
    finished.assert_code(0);
    mirrored.assert_mirrored("app", &DONE);
    mirrored.assert_mirrored("lib", &HELD);
    assert_eq!(comparable(&finished.json()), undisturbed(mirrored).await);
    let story = Story::of(&mirrored.fleet).await;
    story.assert_whole();
    story.assert_led_by_one();
    story
}

/// Returns the report of the same config by one process, into an empty registry.
pub(crate) async fn undisturbed(mirrored: &Mirrored) -> Value {
    let fresh = ScriptedRegistry::plain();
    let config = mirrored.fleet.binary.folder().join("mirror.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    let moved = config.replace(&mirrored.destination.host(), &fresh.host());
    mirrored.fleet.binary.write("here.yaml", moved);
    let here = mirrored.fleet.binary.call(["sync", "here.yaml", "-o", "json", "--no-progress"]);
    let mut here = here.run().await;
    here.stdout = here.stdout.replace(&fresh.host(), &mirrored.destination.host());
    comparable(&here.json())
}

/// Asserts that no blob that was taken whole was sent again.
#[track_caller]
pub(crate) fn assert_blobs_sent_once(mirrored: &Mirrored) {
    let mut sent = std::collections::BTreeMap::new();
    for entry in mirrored.destination.log().kind(Kind::UploadPut).entries() {
        let (_, digest) = entry.target.split_once("digest=").unwrap();
        if entry.status == Some(201) {
            *sent.entry((entry.repository.clone(), digest.to_owned())).or_insert(0) += 1;
        }
    }
    assert!(!sent.is_empty(), "no blobs were sent");
    assert!(sent.values().all(|count| *count == 1), "sent twice: {sent:?}");
}
