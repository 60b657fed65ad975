//! Exit codes: of the process, and the one in the report.

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Rule, ScriptedRegistry};

use super::{HEAD, binary, config};

/// Two registries and a config that copies the highest tag of `app`.
struct Pair {
    source: ScriptedRegistry,
    destination: ScriptedRegistry,
    mirror: Binary,
}

impl Pair {
    fn new() -> Self {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        source.store().push("app", "1.0.0", &image("new"));
        let mirror = binary();
        let at = |registry: &ScriptedRegistry| format!("{}/app", registry.host());
        mirror.write("mirror.yaml", config(&at(&source), &at(&destination), "limit: 0"));
        Self { source, destination, mirror }
    }

    /// Has the tag at the destination already, and something else under it.
    fn drifted() -> Self {
        let pair = Self::new();
        pair.destination.store().push("app", "1.0.0", &image("old"));
        pair
    }

    async fn sync(&self, flags: &[&str]) -> Finished {
        let arguments = ["sync", "mirror.yaml", "-o", "json"].into_iter();
        self.mirror.call(arguments.chain(flags.iter().copied())).run().await
    }

    /// Runs and expects this code from the process, and that one in the report.
    async fn check(&self, flags: &[&str], code: i32, reported: u64) {
        let done = self.sync(flags).await;
        done.assert_code(code);
        assert_eq!(done.json()["report"]["summary"]["exitCode"], reported, "{flags:?} {done}");
    }
}

#[tokio::test]
async fn what_was_copied_or_skipped_is_0() {
    let pair = Pair::new();
    pair.check(&[], 0, 0).await;
    pair.check(&["--drift-exit-code", "9"], 0, 0).await;
}

#[tokio::test]
async fn drift_is_2_or_what_the_flag_says_and_2_in_the_report() {
    let pair = Pair::drifted();
    pair.check(&[], 2, 2).await;
    for (flag, code) in [("0", 0), ("1", 1), ("2", 2), ("7", 7), ("255", 255)] {
        pair.check(&["--drift-exit-code", flag], code, 2).await;
    }
    assert_eq!(pair.destination.store().resolve("app", "1.0.0"), Some(image("old").digest()));
}

#[tokio::test]
async fn overwriting_leaves_no_drift() {
    let pair = Pair::drifted();
    pair.check(&["--overwrite"], 0, 0).await;
    pair.destination.store().assert_holds("app", "1.0.0", &image("new"));
}

#[tokio::test]
async fn a_failure_comes_before_drift() {
    let pair = Pair::drifted();
    pair.source.store().push("app", "2.0.0", &image("broken"));
    pair.source.script(Rule::any().reference("2.0.0"), Fault::status(403));
    pair.check(&[], 1, 1).await;
    pair.check(&["--drift-exit-code", "7"], 1, 1).await;
    pair.check(&["--drift-exit-code", "0"], 1, 1).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_planned_is_1() {
    let pair = Pair::new();
    let (source, destination) = (pair.source.host(), pair.destination.host());
    let other = format!("  - source: {source}/absent\n    destination: {destination}/absent\n");
    pair.mirror.write("mirror.yaml", format!(
        "{HEAD}artifacts:\n{other}  - source: {source}/app\n    destination: {destination}/app\n"
    ));
    pair.check(&[], 1, 1).await;
    pair.destination.store().assert_holds("app", "1.0.0", &image("new"));
}

#[tokio::test]
async fn what_would_be_done_changes_no_code() {
    let pair = Pair::new();
    pair.check(&["--dry-run"], 0, 0).await;
    assert_eq!(pair.destination.store().resolve("app", "1.0.0"), None);

    let pair = Pair::drifted();
    pair.check(&["--dry-run", "--overwrite"], 0, 0).await;
    assert_eq!(pair.destination.store().resolve("app", "1.0.0"), Some(image("old").digest()));
}

#[tokio::test]
async fn drift_under_dry_run_still_is_2() {
    let pair = Pair::drifted();
    pair.check(&["--dry-run"], 2, 2).await;
    pair.check(&["--dry-run", "--drift-exit-code=0"], 0, 2).await;
}

#[tokio::test]
async fn a_selector_that_selects_nothing_is_0() {
    let pair = Pair::new();
    let at = |registry: &ScriptedRegistry| format!("{}/app", registry.host());
    let (source, destination) = (at(&pair.source), at(&pair.destination));
    pair.mirror.write("mirror.yaml", config(&source, &destination, "semver: '>=9'"));
    pair.check(&[], 0, 0).await;
}
