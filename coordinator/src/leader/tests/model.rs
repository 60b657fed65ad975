//! The protocol under chance: attempts that are slow, lost and doubled, writes that take effect late,
//! leaders that go in the middle. Each job writes three names: its tag, a set and an old tag, the latter
//! two in common with the other run's job. Whatever happens: one row each, no older value over a newer
//! one, no entry of the set lost, and an end.

use mirror_model::{Seen, Status};
use mirror_proto::wire::worker::v1::Progress;

use super::*;

/// Random runs of the whole protocol; each ends.
const RUNS: u64 = 60;
/// Steps of a run at most: far beyond what any needs.
const STEPS: usize = 10_000;

/// An attempt as a worker has it.
struct Under {
    session: u64,
    attempt: AttemptRef,
    state: State,
    /// What came of the names so far: whether they hold what the job brings.
    done: Vec<bool>,
    /// What the set held as it was read.
    read: Vec<RunId>,
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
    /// It has its row to tell, until it is acknowledged.
    Telling,
    Over,
}

/// The names of a job, in the order in which it asks for them.
const NAMES: usize = 3;
/// Which of them is the set.
const SET: usize = 1;

struct Chance {
    random: fastrand::Rng,
    world: World,
    under: Vec<Under>,
    /// What each value holds, and who wrote it, in order.
    values: BTreeMap<Tag, Vec<RunId>>,
    /// Whose entries the set has.
    entries: Vec<RunId>,
    /// Whether both runs have one tag; else all but that is in common.
    is_one_tag: bool,
    sessions: u64,
    attempts: u64,
    live: Vec<u64>,
}

fn content(run: RunId) -> &'static str {
    if run == OLD { "signed x" } else { "signed y" }
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self {
            random: fastrand::Rng::with_seed(seed),
            world: World::new(),
            under: Vec::new(),
            values: BTreeMap::new(),
            entries: Vec::new(),
            is_one_tag: seed.is_multiple_of(2),
            sessions: 0,
            attempts: 0,
            live: Vec::new(),
        };
        chance.come();
        chance.come();
        for run in [OLD, NEW] {
            chance.world.submit(run, "").unwrap();
            let mut contents = vec!["z"; chance.row(run)];
            contents.push(content(run));
            chance.world.plan(run, &contents);
        }
        for run in [OLD, NEW] {
            chance.dispatch(run);
        }
        chance
    }

    /// Which row of its run the job is.
    fn row(&self, run: RunId) -> usize {
        usize::from(run == NEW && !self.is_one_tag)
    }

    fn names(&self, run: RunId) -> [Tag; NAMES] {
        [tag(self.row(run)), set(), old_tag()]
    }

    fn dispatch(&mut self, run: RunId) {
        self.world.dispatch(run, self.row(run), content(run), Seen::Absent);
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
        let attempt = attempt(run, self.row(run), content(run), Seen::Absent, self.attempts);
        self.world.start(session, attempt);
        let (done, read) = (Vec::new(), Vec::new());
        self.under.push(Under { session, attempt, state: State::Copying, done, read });
    }

    /// Some attempt goes a step further.
    fn work(&mut self) {
        if self.under.is_empty() {
            return;
        }
        let index = self.random.usize(..self.under.len());
        let now = self.world.now;
        let Under { session, attempt, state, ref done, .. } = self.under[index];
        let name = done.len();
        match state {
            State::Copying => {
                let tag = &self.names(attempt.run)[name];
                self.under[index].state = State::Asked(now);
                self.world.ask_for(session, attempt, tag, Seen::Absent);
            }
            State::May(until) if now >= until => self.under[index].state = State::Copying,
            State::May(_) => self.look_and_write(index, name),
            State::Telling => {
                let status = |has: bool| if has { Status::Copied } else { Status::Drifted };
                let (own, old) = (status(done[0]), status(done[2]));
                let outcome = signed(attempt.job, content(attempt.run), own, old);
                self.world.tell(session, attempt, &outcome);
            }
            State::Asked(since) if now > since + 30 * SECOND => {
                self.under[index].state = State::Copying;
            }
            State::Asked(_) | State::Writing(_) | State::Over => {}
        }
    }

    /// The look of step 5, and the write: it begins in time or not at all.
    fn look_and_write(&mut self, index: usize, name: usize) {
        let run = self.under[index].attempt.run;
        let tag = self.names(run)[name].clone();
        let holds = self.values.get(&tag).and_then(|writes| writes.last().copied());
        let done = match name {
            SET => self.entries.contains(&run).then_some(true),
            _ => holds.map(|holds| holds == run),
        };
        if let Some(done) = done {
            self.under[index].go_on(done);
            return;
        }
        let is_writing = |under: &&Under| {
            matches!(under.state, State::Writing(_))
                && self.names(under.attempt.run)[under.done.len()] == tag
        };
        let others = self.under.iter().filter(is_writing).count();
        assert_eq!(others, 0, "two writers of {tag} at once");
        self.under[index].read.clone_from(&self.entries);
        let takes = Duration::from_millis(self.random.u64(1..10_000));
        self.under[index].state = State::Writing(self.world.now + takes);
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
            let (run, name) = (self.under[index].attempt.run, self.under[index].done.len());
            if name == SET {
                let read = std::mem::take(&mut self.under[index].read);
                let lost = self.entries.iter().find(|entry| !read.contains(entry));
                assert_eq!(lost, None, "an entry was lost: {:?}", self.entries);
                self.entries = read;
                self.entries.push(run);
            } else {
                let tag = self.names(run)[name].clone();
                let writes = self.values.entry(tag).or_default();
                assert!(
                    !(run == OLD && writes.contains(&NEW)),
                    "an older value over a newer one: {writes:?}"
                );
                writes.push(run);
            }
            let is_alive = self.live.contains(&self.under[index].session);
            if is_alive {
                self.under[index].go_on(true);
            } else {
                self.under[index].state = State::Over;
            }
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
                    (to_worker::What::Superseded(_), State::Asked(_)) => {
                        assert_ne!(under.done.len(), SET, "nobody is too late for a set");
                        under.go_on(false);
                        under.state
                    }
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
                self.dispatch(run);
            }
        }
    }

    /// Drivers look again where it is their turn.
    fn look_again(&mut self) {
        for run in [OLD, NEW] {
            let job = id(self.row(run));
            if !self.world.replies.contains_key(&(run, job)) {
                continue;
            }
            if let Some(Dispatched::LookAgain) = self.world.answer(run, job.row) {
                let names = self.names(run);
                let holds = |tag: &Tag| self.values.get(tag).and_then(|writes| writes.last());
                let has = |tag: &Tag| holds(tag) == Some(&run);
                if has(&names[0]) && self.entries.contains(&run) && has(&names[2]) {
                    let (reply, _answer) = oneshot::channel();
                    let kept = signed(job, content(run), Status::Copied, Status::Copied);
                    let name = super::job(run, job.row, content(run), Seen::Absent).destination;
                    self.world.handle(Input::Keep(run, Some(name), Box::new(kept), reply));
                } else {
                    // Without the policy to overwrite, whatever is there stays: what matters is who may.
                    self.dispatch(run);
                }
            }
        }
    }
}

impl Under {
    /// Goes on with the next name, or with the row.
    fn go_on(&mut self, done: bool) {
        self.done.push(done);
        self.state = if self.done.len() < NAMES { State::Copying } else { State::Telling };
    }
}

#[test]
fn whatever_happens_there_is_one_row_each_no_older_value_over_a_newer_one_and_no_entry_lost() {
    for seed in 0..RUNS {
        let mut chance = Chance::new(seed);
        let mut steps = 0;
        // To look whether it is over reads the whole log.
        while (steps % 16 != 0 || !chance.is_over()) && steps < STEPS {
            chance.step();
            steps += 1;
        }
        assert!(chance.is_over(), "seed {seed}: no end after {STEPS} steps");
        for run in [OLD, NEW] {
            let rows = chance.world.rows(run);
            assert_eq!(rows.len(), 1, "seed {seed}");
            let has_ended_well = !matches!(rows[0].status, Status::Failed(_));
            assert!(!has_ended_well || chance.entries.contains(&run), "seed {seed}");
        }
    }
}
