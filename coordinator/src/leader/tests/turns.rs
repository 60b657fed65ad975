//! Turns and windows: one job at a time for a tag and for a root, and only so many published.

use mirror_model::{Seen, Status};

use super::*;

#[test]
fn of_jobs_with_one_root_the_second_is_looked_at_again() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x", "x", "y"]);
    for (row, content) in ["x", "x", "y"].into_iter().enumerate() {
        world.dispatch(OLD, row, content, Seen::Absent);
    }
    let published: Vec<usize> = world.published.iter().map(|one| one.job.row).collect();
    assert_eq!(published, [0, 2]);
    world.take();
    let first = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, first);
    world.row(1, first, Status::Copied, "x");
    assert!(matches!(world.answer(OLD, 1), Some(Dispatched::LookAgain)));
    world.dispatch(OLD, 1, "x", Seen::Absent);
    assert_eq!(world.published.len(), 1);
}

#[test]
fn whoever_looks_again_keeps_others_out_meanwhile() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x", "x", "x"]);
    for row in 0..3 {
        world.dispatch(OLD, row, "x", Seen::Absent);
    }
    world.take();
    let first = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, first);
    world.row(1, first, Status::Copied, "x");
    let again: Vec<bool> = [1, 2].map(|row| world.answer(OLD, row).is_some()).into();
    assert_eq!(again, [true, false]);
    // It is settled by looking: the next has its turn.
    let (reply, _answer) = oneshot::channel();
    let settled = outcome(id(1), Status::Copied, "x");
    world.handle(Input::Keep(OLD, None, Box::new(settled), reply));
    assert!(matches!(world.answer(OLD, 2), Some(Dispatched::LookAgain)));
}

#[test]
fn a_window_bounds_what_is_published_and_refills() {
    let mut world = World::new();
    let contents: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &contents);
    for (row, content) in contents.iter().enumerate() {
        world.dispatch(OLD, row, content, Seen::Absent);
    }
    assert_eq!(world.published.len(), 64);
    world.take();
    world.attach(1, 1, &[]);
    for (row, content) in contents.iter().enumerate().take(10) {
        let done = attempt(OLD, row, content, Seen::Absent, 10 + row as u64);
        world.row(1, done, Status::Copied, content);
    }
    assert_eq!(world.published.len(), 10);
}
