//! Runs in process and over a fleet: the same test, the same report.
//!
//! What a run does is tested in both modes: [`both_modes!`] makes two tests of one. Both do the same
//! and judge what they find alike; then each report of the fleet is compared with that of the process:
//! byte for byte but `timestamp` and `durationMs`, and lines as a set, for rows end in any order. All
//! share one fleet. What is about one mode alone stands in a table, with the reason.

mod one_mode;
mod printed;
mod shared;

use std::future::Future;

use mirror_tests::mode::within;
use tokio::sync::OnceCell;

use self::printed::Printed;

/// Makes two tests of the test functions of these names: `NAME::in_process`, `NAME::over_a_fleet`.
macro_rules! both_modes {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use $crate::modes::Told;

            static TOLD: Told = Told::const_new();

            #[tokio::test]
            async fn in_process() {
                $crate::modes::in_process(&TOLD, super::$test).await;
            }

            #[tokio::test]
            async fn over_a_fleet() {
                $crate::modes::over_a_fleet(&TOLD, super::$test).await;
            }
        }
    )+};
}

/// What the runs of a test printed in process; the test is done once, by whoever wants it first.
pub(crate) type Told = OnceCell<Vec<Printed>>;

/// Does a test in process.
pub(crate) async fn in_process<T: Future<Output = ()>>(told: &Told, test: impl FnOnce() -> T) {
    told.get_or_init(|| async { printed::all(&within(None, Box::pin(test())).await) }).await;
}

/// Does a test over the fleet, and compares what was printed.
pub(crate) async fn over_a_fleet<T: Future<Output = ()>>(told: &Told, test: fn() -> T) {
    let fleet = shared::fleet().await;
    let over = printed::all(&within(Some(fleet.coordinator()), Box::pin(test())).await);
    in_process(told, test).await;
    let here = told.get().expect("it was done just now");
    assert_eq!(here.len(), over.len(), "as many runs");
    for (here, over) in here.iter().zip(&over) {
        over.assert_like(here);
    }
    fleet.went_well();
}
