//! The protocol under chance: attempts that are slow, lost and doubled, writes that take effect late,
//! leaders that go in the middle. Whatever happens: one row each, no older value over a newer one, and
//! an end.

use mirror_model::{Seen, Status};
use mirror_proto::wire::worker::v1::Progress;

use super::*;

/// Random runs of the whole protocol; each ends.
const RUNS: u64 = 60;
/// Steps of a run at most: far beyond what any needs.
const STEPS: usize = 4000;

/// An attempt as a worker has it.
struct Under {
    session: u64,
    attempt: AttemptRef,
    content: &'static str,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Copying,
    /// Asked at this time.
    Asked(Duration),
    /// It may begin to write until then.
    May(Duration),
    /// Its write takes effect then.
    Writing(Duration),
    /// It has this row to tell, until it is acknowledged.
    Telling(bool),
    Over,
}

struct Chance {
    random: fastrand::Rng,
    world: World,
    under: Vec<Under>,
    /// What the tag holds, and who wrote it, in order.
    writes: Vec<RunId>,
    sessions: u64,
    attempts: u64,
    live: Vec<u64>,
}

fn content(run: RunId) -> &'static str {
    if run == OLD { "x" } else { "y" }
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self {
            random: fastrand::Rng::with_seed(seed),
            world: World::new(),
            under: Vec::new(),
            writes: Vec::new(),
            sessions: 0,
            attempts: 0,
            live: Vec::new(),
        };
        chance.come();
        chance.come();
        for run in [OLD, NEW] {
            chance.world.submit(run, "").unwrap();
            chance.world.plan(run, &[content(run)]);
        }
        chance.world.dispatch(OLD, 0, "x", Seen::Absent);
        chance.world.dispatch(NEW, 0, "y", Seen::Absent);
        chance
    }

    fn come(&mut self) {
        self.sessions += 1;
        self.live.push(self.sessions);
        self.world.attach(self.sessions, self.sessions, &[]);
    }

    fn is_over(&self) -> bool {
        [OLD, NEW].iter().all(|run| !self.world.rows(*run).is_empty())
    }

    fn step(&mut self) {
        match self.random.u32(..100) {
            0..30 => self.work(),
            30..55 => {
                let time = Duration::from_millis(self.random.u64(1..3000));
                self.world.pass(time);
                // Workers that are well say so.
                for session in self.live.clone() {
                    self.world.say(session, from_worker::What::Progress(Progress::default()));
                }
                self.take_effect();
            }
            55..80 => self.pull(),
            80..83 => self.lose_worker(),
            83..85 => self.change_leader(),
            85..88 => {
                // NATS delivers a job again.
                for run in [OLD, NEW] {
                    self.begin(run);
                }
            }
            _ => self.hear(),
        }
        self.look_again();
    }

    /// A worker pulls what was published.
    fn pull(&mut self) {
        let published: Vec<RunId> = self.world.published.iter().map(|one| one.run).collect();
        self.world.take();
        for run in published {
            self.begin(run);
        }
    }

    fn begin(&mut self, run: RunId) {
        let Some(session) = self.random.choice(self.live.iter().copied()) else { return };
        self.attempts += 1;
        let attempt = attempt(run, 0, content(run), Seen::Absent, self.attempts);
        self.world.start(session, attempt);
        let content = content(run);
        self.under.push(Under { session, attempt, content, state: State::Copying });
    }

    /// Some attempt goes a step further.
    fn work(&mut self) {
        if self.under.is_empty() {
            return;
        }
        let index = self.random.usize(..self.under.len());
        let (now, under) = (self.world.now, &self.under[index]);
        let (session, attempt, content) = (under.session, under.attempt, under.content);
        match under.state {
            State::Copying => {
                self.under[index].state = State::Asked(now);
                self.world.ask(session, attempt, Seen::Absent);
            }
            State::May(until) => {
                // The look of step 5, and the write: it begins in time or not at all.
                let holds = self.writes.last().copied();
                self.under[index].state = if now >= until {
                    State::Copying
                } else if holds == Some(attempt.run) {
                    State::Telling(true)
                } else if holds.is_some() {
                    State::Telling(false)
                } else {
                    State::Writing(now + Duration::from_millis(self.random.u64(1..10_000)))
                };
            }
            State::Telling(copied) => {
                let status = if copied { Status::Copied } else { Status::Drifted };
                self.world.row(session, attempt, status, content);
            }
            State::Asked(since) if now > since + 30 * SECOND => {
                self.under[index].state = State::Copying;
            }
            State::Asked(_) | State::Writing(_) | State::Over => {}
        }
    }

    /// Writes that are due take effect, whatever became of their workers.
    fn take_effect(&mut self) {
        let now = self.world.now;
        let mut due: Vec<usize> = (0..self.under.len())
            .filter(|index| matches!(self.under[*index].state, State::Writing(at) if at <= now))
            .collect();
        due.sort_by_key(|index| match self.under[*index].state {
            State::Writing(at) => at,
            _ => Duration::ZERO,
        });
        for index in due {
            let run = self.under[index].attempt.run;
            assert!(
                !(run == OLD && self.writes.contains(&NEW)),
                "an older value over a newer one: {:?}",
                self.writes
            );
            self.writes.push(run);
            let is_alive = self.live.contains(&self.under[index].session);
            self.under[index].state = if is_alive { State::Telling(true) } else { State::Over };
        }
    }

    /// Workers hear what they were told.
    fn hear(&mut self) {
        for session in self.live.clone() {
            for what in self.world.heard(session) {
                let addressee = addressee(&what);
                let Some(under) = self.under.iter_mut().find(|under| {
                    Some(under.attempt.attempt) == addressee && under.session == session
                }) else {
                    continue;
                };
                under.state = match (what, under.state) {
                    (to_worker::What::Go(_), State::Asked(since)) => {
                        State::May(since + 10 * SECOND)
                    }
                    (to_worker::What::Hold(_), State::Asked(_)) => State::Copying,
                    (to_worker::What::Superseded(_), State::Asked(_)) => State::Telling(false),
                    // A write that is under way is not stopped by anything.
                    (_, State::Writing(at)) => State::Writing(at),
                    (
                        to_worker::What::Done(_)
                        | to_worker::What::Drop(_)
                        | to_worker::What::RowsAck(_),
                        _,
                    ) => State::Over,
                    (_, state) => state,
                };
            }
        }
        self.under.retain(|under| under.state != State::Over);
    }

    /// A worker is gone, and another comes; what it was writing is on its way.
    fn lose_worker(&mut self) {
        let Some(session) = self.random.choice(self.live.iter().copied()) else { return };
        self.live.retain(|live| *live != session);
        for under in self.under.iter_mut().filter(|under| under.session == session) {
            if !matches!(under.state, State::Writing(_)) {
                under.state = State::Over;
            }
        }
        self.world.handle(Input::Detached(session));
        self.come();
    }

    /// The leader is gone in the middle of whatever it did; the next one takes the log over.
    fn change_leader(&mut self) {
        let world = std::mem::replace(&mut self.world, World::new());
        let after = Duration::from_millis(self.random.u64(1..20_000));
        self.world = world.succeed(after);
        self.take_effect();
        let known: Vec<u64> = std::mem::take(&mut self.live);
        for worker in known {
            self.sessions += 1;
            let session = self.sessions;
            self.live.push(session);
            let mut held = Vec::new();
            for under in self.under.iter_mut().filter(|under| under.session == worker) {
                under.session = session;
                held.push(under.attempt);
                if matches!(under.state, State::Asked(_)) {
                    under.state = State::Copying;
                }
            }
            self.world.attach(session, worker, &held);
        }
        for run in [OLD, NEW] {
            if self.world.rows(run).is_empty() {
                self.world.dispatch(run, 0, content(run), Seen::Absent);
            }
        }
    }

    /// Drivers look again where it is their turn.
    fn look_again(&mut self) {
        for run in [OLD, NEW] {
            if !self.world.replies.contains_key(&(run, id(0))) {
                continue;
            }
            if let Some(Dispatched::LookAgain) = self.world.answer(run, 0) {
                match self.writes.last() {
                    Some(holds) if *holds == run => {
                        let (reply, _answer) = oneshot::channel();
                        let kept = outcome(id(0), Status::Copied, content(run));
                        self.world.handle(Input::Keep(run, None, Box::new(kept), reply));
                    }
                    // Without the policy to overwrite, whatever is there stays: what matters is who may.
                    _ => self.world.dispatch(run, 0, content(run), Seen::Absent),
                }
            }
        }
    }
}

#[test]
fn whatever_happens_there_is_one_row_each_and_no_older_value_over_a_newer_one() {
    for seed in 0..RUNS {
        let mut chance = Chance::new(seed);
        let mut steps = 0;
        while !chance.is_over() && steps < STEPS {
            chance.step();
            steps += 1;
        }
        assert!(chance.is_over(), "seed {seed}: no end after {STEPS} steps");
        for run in [OLD, NEW] {
            assert_eq!(chance.world.rows(run).len(), 1, "seed {seed}");
        }
    }
}
