//! All times of the protocol, made from one unit.
//!
//! Coordinators choose the unit; workers are told it with the first message of their link.

use std::time::Duration;

/// The times of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    beat: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { beat: Duration::from_secs(4) }
    }
}

impl Timing {
    /// Makes the times of a unit.
    pub fn of(beat: Duration) -> Self {
        Self { beat }
    }

    /// Between two beats of the leader (4 s).
    pub fn beat(self) -> Duration {
        self.beat
    }

    /// Without a record, the leader is gone (15 s).
    pub fn leader_lost(self) -> Duration {
        self.quarters(15)
    }

    /// A `Go` holds so long after its `Commit` was sent (10 s).
    pub fn go(self) -> Duration {
        self.quarters(10)
    }

    /// A write of a name lasts no longer (10 s).
    pub fn put(self) -> Duration {
        self.quarters(10)
    }

    /// Of another attempt's intent, a name is free after this (25 s): a `Go`, a write, and some.
    pub fn intent(self) -> Duration {
        self.quarters(25)
    }

    /// A commit that was held is asked again (2 s).
    pub fn hold(self) -> Duration {
        self.quarters(2)
    }

    /// A worker whose link is closed has this long to come back (5 s).
    pub fn link_lost(self) -> Duration {
        self.quarters(5)
    }

    /// A worker that says nothing is gone (30 s).
    pub fn silence(self) -> Duration {
        self.quarters(30)
    }

    /// A message that is neither acknowledged nor in progress is delivered again (30 s).
    pub fn ack_wait(self) -> Duration {
        self.quarters(30)
    }

    /// Between two signs of progress to the queue (10 s).
    pub fn in_progress(self) -> Duration {
        self.quarters(10)
    }

    /// Between two searches for what NATS has forgotten (15 s).
    pub fn reconcile(self) -> Duration {
        self.quarters(15)
    }

    /// A standby that finds another stream waits so long for the leader to write its log again (30 s).
    pub fn strange_log(self) -> Duration {
        self.quarters(30)
    }

    /// A replicated stream that is absent is made again after this (60 s).
    pub fn replicas(self) -> Duration {
        self.quarters(60)
    }

    /// So many quarters of a beat: seconds, where a beat is 4 s.
    fn quarters(self, seconds: u32) -> Duration {
        self.beat * seconds / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_times_are_those_of_the_design() {
        let timing = Timing::default();
        let times = [
            timing.beat(),
            timing.leader_lost(),
            timing.go(),
            timing.put(),
            timing.intent(),
            timing.hold(),
            timing.link_lost(),
            timing.silence(),
            timing.ack_wait(),
            timing.in_progress(),
            timing.reconcile(),
            timing.strange_log(),
            timing.replicas(),
        ];
        assert_eq!(
            times.map(|time| time.as_secs()),
            [4, 15, 10, 10, 25, 2, 5, 30, 30, 10, 15, 30, 60]
        );
    }

    #[test]
    fn all_times_shrink_with_the_beat() {
        let timing = Timing::of(Duration::from_millis(200));
        assert_eq!(timing.leader_lost(), Duration::from_millis(750));
        assert_eq!(timing.hold(), Duration::from_millis(100));
    }

    #[test]
    fn a_name_is_free_after_a_go_and_a_write() {
        let timing = Timing::default();
        assert!(timing.intent() > timing.go() + timing.put());
        assert!(timing.ack_wait() > timing.in_progress() * 2);
        assert!(timing.leader_lost() > timing.beat() * 3);
    }
}
