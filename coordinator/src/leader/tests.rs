//! The leader, handed what happens one thing after the other: no clock, no network, no log but a list.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one arm among many")]

mod attached;
mod commits;
mod losses;
mod model;
mod pauses;
mod takeover;
mod turns;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_model::{
    Attached, Entry, EntryIndex, EntrySource, Job, JobId, Limits, Outcome, Pin, ReferrerRow, RunId,
    RunOptions, Seen, Source, Status,
};
use mirror_oci::{Descriptor, Digest, MediaType, Place, Tag, TagRef};
use mirror_proto::wire::worker::v1::{
    Commit, FromWorker, Hello, Row, Rows, Started, ToWorker, from_worker, to_worker,
};
use mirror_proto::{
    AttemptRef, JobHash, PlanItem, PlanPart, PlannedPart, Record, SubmittedRun, Work, attempt_from,
    attempt_to, decode_batch, encode_job, outcome_to, seen_to, tag_to,
};
use mirror_queue::{LogSubject, Published, Region, Timing};
use mirror_selector::{Selector, SelectorSpec};
use tokio::sync::{mpsc, oneshot};

use super::{
    Accepted, Caller, Dispatched, Effect, Input, Leader, LeaderOptions, Publish, Refusal, Replay,
    Submission, Wanted,
};

const SECOND: Duration = Duration::from_secs(1);
const SLOTS: u32 = 4;

/// A leader, its log, and everything that it wanted done.
struct World {
    leader: Leader,
    now: Duration,
    log: Vec<(LogSubject, Bytes)>,
    /// The batch under way, which nobody stores by itself.
    append: Option<(u64, LogSubject, Bytes)>,
    /// Whether batches are stored as soon as they are under way.
    stores: bool,
    published: Vec<Publish>,
    removed: usize,
    workers: BTreeMap<u64, mpsc::Receiver<ToWorker>>,
    replies: BTreeMap<(RunId, JobId), oneshot::Receiver<Dispatched>>,
}

fn options() -> LeaderOptions {
    LeaderOptions {
        timing: Timing::default(),
        schedule_timeout: 600 * SECOND,
        term: 1,
        advertise: "http://leader".to_owned(),
    }
}

impl World {
    fn new() -> Self {
        let live = Replay::new(Duration::ZERO, Timing::default().intent());
        Self::of(live.lead(options(), 0, 0), Duration::ZERO, Vec::new())
    }

    fn of(leader: Leader, now: Duration, log: Vec<(LogSubject, Bytes)>) -> Self {
        let mut world = Self {
            leader,
            now,
            log,
            append: None,
            stores: true,
            published: Vec::new(),
            removed: 0,
            workers: BTreeMap::new(),
            replies: BTreeMap::new(),
        };
        let effects = world.leader.begin();
        world.carry_out(effects);
        world
    }

    /// What another leader makes of the same log, a while later.
    fn succeed(self, after: Duration) -> Self {
        let now = self.now + after;
        let mut live = Replay::new(now, Timing::default().intent());
        for (index, (subject, payload)) in self.log.iter().enumerate() {
            live.read(index as u64 + 1, *subject, payload).unwrap();
        }
        let last = self.log.len() as u64;
        Self::of(live.lead(options(), last, 0), now, self.log)
    }

    fn handle(&mut self, input: Input) {
        let effects = self.leader.handle(self.now, input);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append { expected, subject, payload, .. } => {
                    assert_eq!(expected, self.log.len() as u64);
                    assert!(self.append.is_none(), "two appends under way");
                    self.append = Some((expected, subject, payload));
                }
                Effect::Publish(publish) => self.published.push(publish),
                Effect::Remove { .. } => self.removed += 1,
                Effect::Check { .. }
                | Effect::Drive { .. }
                | Effect::Purge(_)
                | Effect::Pause { .. }
                | Effect::Share(_) => {}
            }
        }
        while self.stores && self.append.is_some() {
            self.store();
        }
    }

    /// Stores the batch that is under way.
    fn store(&mut self) {
        if let Some((expected, subject, payload)) = self.append.take() {
            self.log.push((subject, payload));
            self.handle(Input::Stored(expected + 1));
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.handle(Input::Tick(0));
    }

    /// The records of a run in the log.
    fn records(&self, run: RunId) -> Vec<Record> {
        let of_run = self.log.iter().filter(|(subject, _)| *subject == LogSubject::Run(run));
        of_run.flat_map(|(_, payload)| decode_batch(payload).unwrap()).collect()
    }

    /// The rows of a run in the log.
    fn rows(&self, run: RunId) -> Vec<Outcome> {
        let row = |record| match record {
            Record::Row(outcome) => Some(*outcome),
            _ => None,
        };
        self.records(run).into_iter().filter_map(row).collect()
    }

    fn submit(&mut self, run: RunId, key: &str) -> Result<Accepted, Refusal> {
        let (reply, mut answer) = oneshot::channel();
        let submission = Submission {
            id: run,
            run: submitted(key),
            body_hash: [0; 32],
            caller: Caller::default(),
            at: 0,
        };
        self.handle(Input::Submit(Box::new(submission), reply));
        answer.try_recv().unwrap()
    }

    /// Plans a run whose tags `t0`, `t1`, … have these contents.
    fn plan(&mut self, run: RunId, contents: &[&str]) {
        let items = contents.iter().enumerate().map(|(row, content)| PlanItem {
            id: format!("t{row}"),
            verification: None,
            work: Work::Copy { root: pin(content), tag: tag(row), referrers: referrers(content) },
        });
        let items: Vec<PlanItem> = items.collect();
        let part = PlannedPart { first: 0, total: items.len(), items };
        let part = PlanPart { entry: EntryIndex(0), items: Ok(part), warnings: Vec::new() };
        let (reply, _answer) = oneshot::channel();
        self.handle(Input::Planned(run, EntryIndex(0), vec![part], reply));
    }

    /// Has a run's job dispatched, which was seen so.
    fn dispatch(&mut self, run: RunId, row: usize, content: &str, seen: Seen) {
        let (reply, answer) = oneshot::channel();
        let wanted = wanted(run, row, content, seen);
        self.replies.insert((run, id(row)), answer);
        self.handle(Input::Dispatch(run, Box::new(wanted), reply));
    }

    /// Begins a run with one job, published.
    fn begin(&mut self, run: RunId, content: &str, seen: Seen) {
        self.submit(run, "").unwrap();
        self.plan(run, &[content]);
        self.dispatch(run, 0, content, seen);
        self.take();
    }

    /// NATS takes what was published.
    fn take(&mut self) {
        for publish in std::mem::take(&mut self.published) {
            let published = Published { sequence: 1 };
            let Publish { run, job, number, .. } = publish;
            self.handle(Input::Published(run, job, number, Ok(published)));
        }
    }

    /// Has a worker come and hear its welcome.
    fn attach(&mut self, session: u64, worker: u64, held: &[AttemptRef]) {
        self.come(session, worker, held);
        self.heard(session);
    }

    fn come(&mut self, session: u64, worker: u64, held: &[AttemptRef]) {
        let (to, from) = mpsc::channel(64);
        let hello = Hello {
            worker,
            region: "default".to_owned(),
            slots: SLOTS,
            held: held.iter().map(attempt_to).collect(),
            ..Hello::default()
        };
        self.workers.insert(session, from);
        self.handle(Input::Attached(session, hello, to));
    }

    fn say(&mut self, session: u64, what: from_worker::What) {
        self.handle(Input::Heard(session, FromWorker { what: Some(what) }));
    }

    fn start(&mut self, session: u64, attempt: AttemptRef) {
        self.say(
            session,
            from_worker::What::Started(Started { attempt: Some(attempt_to(&attempt)) }),
        );
    }

    /// Asks for the job's own tag.
    fn ask(&mut self, session: u64, attempt: AttemptRef, seen: Seen) {
        self.ask_for(session, attempt, &tag(attempt.job.row), seen);
    }

    fn ask_for(&mut self, session: u64, attempt: AttemptRef, tag: &Tag, seen: Seen) {
        let place = job(attempt.run, attempt.job.row, "", Seen::Absent).destination.place;
        let name = TagRef { place, tag: tag.clone() };
        let commit = Commit {
            attempt: Some(attempt_to(&attempt)),
            name: Some(tag_to(&name).unwrap()),
            seen: Some(seen_to(seen)),
            ask: 1,
        };
        self.say(session, from_worker::What::Commit(commit));
    }

    fn row(&mut self, session: u64, attempt: AttemptRef, status: Status, content: &str) {
        self.tell(session, attempt, &outcome(attempt.job, status, content));
    }

    fn tell(&mut self, session: u64, attempt: AttemptRef, outcome: &Outcome) {
        let row = Row { attempt: Some(attempt_to(&attempt)), outcome: Some(outcome_to(outcome)) };
        self.say(session, from_worker::What::Rows(Rows { rows: vec![row] }));
    }

    /// What a worker was told since it was last asked.
    fn heard(&mut self, session: u64) -> Vec<to_worker::What> {
        let mut heard = Vec::new();
        while let Ok(message) = self.workers.get_mut(&session).unwrap().try_recv() {
            heard.extend(message.what);
        }
        heard
    }

    /// The words of what a worker was told, without those about shares.
    fn words(&mut self, session: u64) -> Vec<&'static str> {
        let word = |what: &to_worker::What| match what {
            to_worker::What::Welcome(_) => Some("welcome"),
            to_worker::What::Go(_) => Some("go"),
            to_worker::What::Hold(_) => Some("hold"),
            to_worker::What::Superseded(_) => Some("superseded"),
            to_worker::What::Done(_) => Some("done"),
            to_worker::What::Drop(_) => Some("drop"),
            to_worker::What::RowsAck(_) => Some("ack"),
            to_worker::What::Cancelled(_) => Some("cancelled"),
            to_worker::What::HostPause(_) => Some("pause"),
            to_worker::What::Drain(_) => Some("drain"),
            to_worker::What::Share(_) => None,
        };
        self.heard(session).iter().filter_map(word).collect()
    }

    /// What became of a dispatch, if it is known.
    fn answer(&mut self, run: RunId, row: usize) -> Option<Dispatched> {
        self.replies.get_mut(&(run, id(row))).unwrap().try_recv().ok()
    }
}

fn submitted(key: &str) -> SubmittedRun {
    let place = |text: &str| Place::Registry(text.parse().unwrap());
    let entry = Entry {
        source_name: "a.example/app".to_owned(),
        destination_name: "b.example/app".to_owned(),
        source: EntrySource::Artifact {
            place: place("a.example/app"),
            referrers: false,
            verify: None,
        },
        destination: place("b.example/app"),
        selector: Selector::compile(SelectorSpec::default()).unwrap(),
        overwrite: true,
    };
    let (attempts, blobs) = (NonZeroU32::MIN, NonZeroU32::MIN);
    let limits = Limits { attempts, timeout: 300 * SECOND, blobs };
    let options = RunOptions {
        overwrite: false,
        dry_run: false,
        concurrency: mirror_proto::DEFAULT_CONCURRENCY,
        limits,
    };
    SubmittedRun { entries: vec![entry], options, jobs: None, key: key.to_owned() }
}

fn id(row: usize) -> JobId {
    JobId { entry: EntryIndex(0), row }
}

fn pin(content: &str) -> Pin {
    Pin { digest: Digest::of(content.as_bytes()), media_type: None }
}

fn job(run: RunId, row: usize, content: &str, seen: Seen) -> Job {
    let SubmittedRun { entries, options, .. } = submitted("");
    let entry = &entries[0];
    let EntrySource::Artifact { place, .. } = &entry.source else { panic!("an artifact") };
    let source = Source::Artifact { place: place.clone(), root: pin(content) };
    let job = entry.job(run, id(row), source, tag(row), &options);
    Job { seen, referrers: referrers(content), ..job }
}

fn tag(row: usize) -> Tag {
    format!("t{row}").parse().unwrap()
}

/// What is attached to a content: to all that are `signed`, an SBOM and an old signature, both of a child
/// that they have in common.
fn referrers(content: &str) -> Vec<Attached> {
    if !content.starts_with("signed") {
        return Vec::new();
    }
    let attached = |kind: &str, name| {
        let media_type = MediaType::parse(MediaType::OCI_MANIFEST).unwrap();
        let digest = attachment(content, kind);
        let descriptor = Descriptor { media_type, digest, size: 7, artifact_type: None };
        let subject = Digest::of(b"child");
        Attached { subject, descriptor, name, listed: false, seen: Seen::Unknown }
    };
    vec![attached("sbom", None), attached("signature", Some(old_tag()))]
}

fn attachment(content: &str, kind: &str) -> Digest {
    Digest::of(format!("{kind} of {content}").as_bytes())
}

/// The fallback tag of the child: a set.
fn set() -> Tag {
    Digest::of(b"child").fallback_tag()
}

/// The old tag of the child's signature: a value.
fn old_tag() -> Tag {
    format!("{}.sig", set()).parse().unwrap()
}

/// An outcome of a job that is `signed`.
fn signed(job: JobId, content: &str, status: Status, old: Status) -> Outcome {
    let row = |kind: &str, name, status| ReferrerRow {
        digest: attachment(content, kind),
        artifact_type: None,
        name,
        status,
    };
    let rows = vec![row("sbom", None, Status::Copied), row("signature", Some(old_tag()), old)];
    Outcome { referrers: rows, ..outcome(job, status, content) }
}

fn wanted(run: RunId, row: usize, content: &str, seen: Seen) -> Wanted {
    let job = job(run, row, content, seen);
    let message: Bytes = encode_job(&job).unwrap().into();
    let hash = JobHash::of(&message);
    let job = Arc::new(job);
    Wanted { job, message, hash, region: "default".parse::<Region>().unwrap() }
}

fn attempt(run: RunId, row: usize, content: &str, seen: Seen, attempt: u64) -> AttemptRef {
    let Wanted { hash, .. } = wanted(run, row, content, seen);
    AttemptRef { run, job: id(row), attempt, hash }
}

fn outcome(job: JobId, status: Status, content: &str) -> Outcome {
    Outcome {
        job,
        attempts: 1,
        elapsed: SECOND,
        bytes: 1,
        status,
        digest: Some(pin(content).digest),
        referrers: Vec::new(),
    }
}

/// Whom an answer is for.
fn addressee(what: &to_worker::What) -> Option<u64> {
    let attempt = match what {
        to_worker::What::Go(go) => go.attempt.clone(),
        to_worker::What::Hold(hold) => hold.attempt.clone(),
        to_worker::What::Superseded(superseded) => superseded.attempt.clone(),
        to_worker::What::Done(done) => done.attempt.clone(),
        to_worker::What::Drop(drop) => drop.attempt.clone(),
        to_worker::What::RowsAck(ack) => ack.attempts.first().cloned(),
        to_worker::What::Welcome(_)
        | to_worker::What::Cancelled(_)
        | to_worker::What::HostPause(_)
        | to_worker::What::Drain(_)
        | to_worker::What::Share(_) => None,
    };
    attempt_from(attempt).ok().map(|attempt| attempt.attempt)
}

const OLD: RunId = RunId(1);
const NEW: RunId = RunId(2);
