//! Pauses that registries ask for: the whole fleet keeps them.

use super::*;

const HOST: &str = "o.example";

/// The pauses that a worker was told of since it was last asked.
fn pauses(world: &mut World, session: u64) -> Vec<(String, Duration)> {
    let pause = |what| match what {
        to_worker::What::HostPause(pause) => {
            Some((pause.host, Duration::from_nanos(pause.pause_nanos)))
        }
        _ => None,
    };
    world.heard(session).into_iter().filter_map(pause).collect()
}

#[test]
fn a_pause_is_told_to_all_and_to_who_comes_before_its_end() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.handle(Input::Paused(HOST.to_owned(), 9 * SECOND));
    assert_eq!(pauses(&mut world, 1), [(HOST.to_owned(), 9 * SECOND)]);
    world.now += 3 * SECOND;
    // A shorter one does not end it.
    world.handle(Input::Paused(HOST.to_owned(), SECOND));
    world.come(2, 2, &[]);
    assert_eq!(pauses(&mut world, 2), [(HOST.to_owned(), 6 * SECOND)]);
    world.now += 6 * SECOND;
    world.come(3, 3, &[]);
    assert_eq!(pauses(&mut world, 3), []);
}
