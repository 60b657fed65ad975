//! Standing by until nobody leads, and then leading.
//!
//! A leader shows that it lives by what it writes into the log. A standby looks at the log's end, and
//! counts only the time in which it could see it.

use std::time::Duration;

use futures_util::StreamExt;
use mirror_proto::{Record, decode_batch, encode_batch};
use mirror_queue::{LogSubject, QueueError, Tail, Timing};
use mirror_transport::boot_time;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::leader::{Leader, LeaderOptions, Replay};
use crate::log::{Log, Written};
use crate::role::Role;

/// Looks at the log's end per beat.
const LOOKS_PER_BEAT: u32 = 4;

/// Who leads, as the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seat {
    term: u64,
    advertise: Option<String>,
    /// The leader said that it goes.
    is_empty: bool,
}

/// What a new leader begins with.
pub(crate) struct Led {
    pub(crate) leader: Leader,
    pub(crate) created: i128,
    pub(crate) number: u64,
    pub(crate) options: LeaderOptions,
}

/// Stands by until it leads; `None` at shutdown.
///
/// # Errors
/// The log cannot be read, for a reason that does not pass.
pub(crate) async fn stand_by(
    log: &Log,
    options: LeaderOptions,
    role: &watch::Sender<Role>,
    shutdown: &CancellationToken,
) -> Result<Option<Led>, QueueError> {
    let mut watcher = Watcher::new(options.timing);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(options.timing.beat() / LOOKS_PER_BEAT) => {}
        }
        let tail = match log.reader().tail().await {
            Ok(tail) => tail,
            Err(error) if error.retry() => {
                watcher.blind(boot_time());
                continue;
            }
            Err(error) => return Err(error),
        };
        // A log that is absent is made by whoever leads; where nobody does, by whoever waited for that.
        let Some(tail) = tail else {
            if watcher.absent(boot_time())
                && let Err(error) = log.reader().make().await
            {
                if !error.retry() {
                    return Err(error);
                }
                watcher.blind(boot_time());
            }
            continue;
        };
        if watcher.has_news(&tail) {
            let from = watcher.last.map_or(tail.first, |last| last.last + 1).max(1);
            watcher.seat = match read_seat(log, from, watcher.seat.clone()).await {
                Ok(seat) => seat,
                // What could not be read is read the next time.
                Err(error) if error.retry() => {
                    watcher.blind(boot_time());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let advertise = watcher.seat.advertise.clone();
            role.send_if_modified(|role| role.follow(advertise));
        }
        if watcher.may_lead(tail, boot_time()) {
            let options = LeaderOptions { term: watcher.seat.term + 1, ..options.clone() };
            let led = tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                led = lead(log, options, tail) => led?,
            };
            if let Some(led) = led {
                return Ok(Some(led));
            }
            watcher.blind(boot_time());
        }
    }
}

/// What a standby makes of the ends of the log that it sees.
struct Watcher {
    timing: Timing,
    seat: Seat,
    last: Option<Tail>,
    /// Since when nothing has come.
    quiet_since: Option<Duration>,
    /// When it last saw the log.
    seen_at: Option<Duration>,
    /// It found another log than it knew.
    is_strange: bool,
}

impl Watcher {
    fn new(timing: Timing) -> Self {
        Self {
            timing,
            seat: Seat::default(),
            last: None,
            quiet_since: None,
            seen_at: None,
            is_strange: false,
        }
    }

    /// The log could not be seen: the time does not count.
    fn blind(&mut self, now: Duration) {
        if let (Some(since), Some(seen)) = (self.quiet_since, self.seen_at) {
            self.quiet_since = Some(since + now.saturating_sub(seen));
        }
        self.seen_at = Some(now);
    }

    /// There is no log. Returns whether it is time to make one.
    fn absent(&mut self, now: Duration) -> bool {
        self.is_strange = self.last.is_some();
        self.seen_at = Some(now);
        now >= *self.quiet_since.get_or_insert(now) + self.patience()
    }

    fn has_news(&self, tail: &Tail) -> bool {
        self.last.is_none_or(|last| last.created != tail.created || last.last != tail.last)
    }

    /// Returns whether nobody leads, by all that was seen.
    fn may_lead(&mut self, tail: Tail, now: Duration) -> bool {
        let is_other = self.last.is_some_and(|last| last.created != tail.created);
        if is_other {
            self.is_strange = true;
            self.seat = Seat::default();
        }
        if self.has_news(&tail) {
            self.quiet_since = Some(now);
        }
        self.last = Some(tail);
        self.seen_at = Some(now);
        let since = *self.quiet_since.get_or_insert(now);
        self.seat.is_empty || now >= since + self.patience()
    }

    /// How long nothing must come. A log in which nobody has ever led is new: whoever may have led
    /// before it was made has found that out within a beat.
    fn patience(&self) -> Duration {
        let Self { timing, seat, is_strange, .. } = self;
        match (is_strange, seat.term) {
            (true, 0) => timing.strange_log(),
            (false, 0) => timing.beat() * 5 / 4,
            (_, _) => timing.leader_lost(),
        }
    }
}

/// Reads who leads from the leader's records.
async fn read_seat(log: &Log, from: u64, mut seat: Seat) -> Result<Seat, QueueError> {
    let mut batches = Box::pin(log.reader().read(from, Some(LogSubject::Leader)));
    while let Some(batch) = batches.next().await {
        for record in decode_batch(&batch?.payload).unwrap_or_default() {
            match record {
                Record::Term { term, advertise } | Record::Beat { term, advertise } => {
                    seat = Seat { term, advertise: Some(advertise), is_empty: false };
                }
                Record::Resigned { term } => seat = Seat { term, advertise: None, is_empty: true },
                Record::Submitted(_)
                | Record::Planned(_)
                | Record::Seen { .. }
                | Record::Intent(_)
                | Record::Row(_)
                | Record::Lost(_)
                | Record::Cancelled
                | Record::Ended { .. }
                | Record::Origin => {}
            }
        }
    }
    Ok(seat)
}

/// Takes the seat, if the log still ends where it was seen to, and reads what it holds; `None` where
/// somebody else was faster.
async fn lead(log: &Log, options: LeaderOptions, tail: Tail) -> Result<Option<Led>, QueueError> {
    let LeaderOptions { term, advertise, timing, .. } = options.clone();
    let mut taking = Taking { log, created: tail.created, last: tail.last, number: 0 };
    if !taking.append(Record::Term { term, advertise: advertise.clone() }).await {
        return Ok(None);
    }
    let mut replay = Replay::new(boot_time(), timing.intent());
    let (mut next, end, mut beat) = (tail.first.max(1), taking.last, boot_time());
    // A log that does not answer is read on from where reading broke off.
    while next < end {
        let mut batches = Box::pin(log.reader().read(next, None));
        while let Some(batch) = batches.next().await {
            let batch = match batch {
                Ok(batch) if batch.sequence >= end => break,
                Ok(batch) => batch,
                Err(error) if error.retry() => {
                    tracing::warn!(%error, "cannot read the log on");
                    tokio::time::sleep(timing.beat() / LOOKS_PER_BEAT).await;
                    break;
                }
                Err(error) => return Err(error),
            };
            log.note(batch.stamp);
            let read = replay.read(batch.sequence, batch.subject, &batch.payload);
            read.map_err(|invalid| QueueError::Corrupt {
                asset: "log of runs".to_owned(),
                sequence: batch.sequence,
                reason: invalid.to_string(),
            })?;
            next = batch.sequence + 1;
            // Others see that somebody leads, however long the log is.
            if boot_time() >= beat + timing.beat() {
                beat = boot_time();
                if !taking.append(Record::Beat { term, advertise: advertise.clone() }).await {
                    return Ok(None);
                }
            }
        }
        // What is left may have been forgotten meanwhile.
        if batches.next().await.is_none() {
            next = end;
        }
    }
    let Taking { created, last, number, .. } = taking;
    log.forget_leaders(end).await;
    tracing::info!(term, "leading");
    let leader = replay.lead(options.clone(), last, number);
    Ok(Some(Led { leader, created, number, options }))
}

/// A log that is being taken over.
struct Taking<'l> {
    log: &'l Log,
    created: i128,
    last: u64,
    number: u64,
}

impl Taking<'_> {
    /// Appends a record of the leader's; returns whether the log still is this process's.
    async fn append(&mut self, record: Record) -> bool {
        self.number += 1;
        let payload = encode_batch(&[record]).into();
        let (created, last) = (self.created, self.last);
        let append = self.log.append(created, last, self.number, LogSubject::Leader, payload);
        match append.await {
            Written::Stored(sequence) => {
                self.last = sequence;
                true
            }
            Written::Deposed | Written::Lost => false,
        }
    }
}
