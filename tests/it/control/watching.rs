//! Watching: streams that break, resets, and runs that the fleet has lost.

use mirror_proto::wire::job::v1::StatusKind;

use super::server::{Coordinator, RUNS, Step, ended, planned, reset, row, unplanned};
use super::{LINES, binary, whole};

#[tokio::test]
async fn a_broken_stream_is_taken_up_after_the_last_event_that_came() {
    let mut whole = whole();
    // Of the events before the cursor, one comes again.
    let rest = whole.split_off(1);
    whole.push(Step::Break);
    let [first, ..] = rest.as_slice() else { panic!() };
    let streams = [
        [whole, vec![]].concat(),
        vec![first.clone(), Step::Break],
        [vec![first.clone()], rest.clone()].concat(),
    ];
    let coordinator = Coordinator::start(streams);
    let done =
        binary().call(["sync", "mirror.yaml", "--coordinator", &coordinator.url]).run().await;
    done.assert_code(1);
    assert!(done.stdout.starts_with(LINES), "{done}");
    let watched = coordinator.watched();
    let cursors: Vec<&str> = watched.iter().map(|(_, cursor)| cursor.as_str()).collect();
    assert_eq!(cursors, ["", "1", "2"]);
    assert_eq!(coordinator.submitted().len(), 1);
}

#[tokio::test]
async fn after_a_reset_the_rows_that_come_count() {
    let steps = vec![
        Step::Say("1", planned(0, &["2.0.0", "1.0.0"])),
        Step::Say("2", row(0, 0, StatusKind::Copied)),
        Step::Say("3", row(0, 1, StatusKind::Copied)),
        reset(),
        Step::Say("5", planned(0, &["2.0.0", "1.0.0"])),
        Step::Say("6", row(0, 1, StatusKind::UpToDate)),
        Step::Say("7", row(0, 0, StatusKind::Copied)),
        Step::Say("8", unplanned(1, "NAME_UNKNOWN")),
        ended(),
    ];
    let coordinator = Coordinator::start([steps.clone(), steps]);
    let mirror = binary();
    let arguments = ["sync", "mirror.yaml", "--coordinator", &coordinator.url];
    let done = mirror.call(arguments).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("Summary: 1 copied, 1 skipped, 1 failed in "), "{done}");
    assert_eq!(done.stdout.matches("s.example/0:2.0.0 (copied)").count(), 1, "{done}");
    let done = mirror.call(arguments).arg("-ojson").run().await;
    let tags = &done.json()["report"]["results"][0]["tags"];
    assert_eq!((&tags[0]["status"], &tags[1]["status"]), (&"copied".into(), &"skipped".into()));
}

#[tokio::test]
async fn a_run_that_the_fleet_has_lost_is_submitted_again() {
    let lost = vec![
        Step::Say("1", planned(0, &["3.0.0"])),
        Step::Say("2", row(0, 0, StatusKind::Copied)),
        Step::Break,
    ];
    let coordinator = Coordinator::start([lost, vec![Step::Unknown], whole()]);
    let mirror = binary();
    let call = mirror.call(["sync", "mirror.yaml", "-oyaml", "--coordinator", &coordinator.url]);
    let done = call.run().await;
    done.assert_code(1);
    let again = format!("! the fleet has lost run {}, it is submitted again: run ", RUNS[0]);
    assert!(done.stderr.contains(&again), "{done}");
    assert!(!done.stdout.contains("3.0.0"), "{done}");
    assert!(done.stdout.contains("tag: \"2.0.0\""), "{done}");
    let submitted = coordinator.submitted();
    assert_eq!(submitted.len(), 2);
    assert_eq!(submitted[0], submitted[1], "the same key finds whichever of them there is");
    let watched = coordinator.watched();
    assert_eq!(watched.last(), Some(&(RUNS[1].to_owned(), String::new())));
}
