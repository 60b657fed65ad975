//! Watching: by another process, and through a change of leaders.

use super::Fleet;
use super::midway::{Midway, assert_undisturbed};
use super::story::{Story, text};

#[tokio::test]
async fn a_run_whose_submitter_died_is_reported_by_another_process() {
    let Midway { mirrored, gate, sync, run } = Midway::of(Fleet::start(2).await).await;
    sync.kill();
    assert_eq!(sync.wait().await.signal(), Some(9));
    let watch = ["watch", &text(run), "-o", "json", "--no-progress"];
    let watched = mirrored.fleet.runs(&watch).spawn();
    gate.resume();
    let watched = watched.wait().await;
    let story = assert_undisturbed(&mirrored, &watched).await;
    assert_eq!(story.runs().len(), 1);
    // And once more when it has ended: from the log, and not from memory.
    let watched = mirrored.fleet.runs(&watch).run().await;
    assert_undisturbed(&mirrored, &watched).await;
}

#[tokio::test]
async fn a_watcher_misses_no_row_and_sees_none_twice_when_leaders_change() {
    let mut midway = Midway::of(Fleet::with_standby(2).await).await;
    let fleet = &mut midway.mirrored.fleet;
    let watch = ["watch", &text(midway.run), "--no-progress"];
    let watched = fleet.runs(&watch).spawn();
    // It has seen the first rows by then, or will see them later: once in any case.
    tokio::time::sleep(fleet.beat).await;
    let leader = fleet.take_coordinator(0);
    leader.kill();
    leader.wait().await;
    Story::until(fleet, "another term", |story| story.terms().len() == 2).await;
    let (mirrored, finished) = midway.finish().await;
    assert_undisturbed(&mirrored, &finished).await;
    let watched = watched.wait().await;
    watched.assert_code(0);
    for tag in ["app:1.0.0", "app:1.1.0", "lib:0.1.0", "lib:0.2.0", "lib:0.3.0"] {
        let line = format!("{}/{tag} (copied)", mirrored.source.host());
        assert_eq!(watched.stdout.matches(&line).count(), 1, "{tag}: {watched}");
    }
    assert!(watched.stdout.contains("Summary: 5 copied in "), "{watched}");
}
