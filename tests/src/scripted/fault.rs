//! What goes wrong with a request, built up by calls.
//!
//! `Fault::status(503)` answers in the registry's stead; `Fault::none()` lets the registry work
//! and changes what is made of it: `Fault::none().corrupt(7).slow(1000)`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::answer::Answer;
use super::gate::Gate;
use super::request::Request;
use super::store::Store;

type Run = Arc<dyn Fn(&Request, &Store) + Send + Sync>;
type Instead = Arc<dyn Fn(&Request, &Store) -> Option<Answer> + Send + Sync>;
type Edit = Arc<dyn Fn(&Request, &mut Answer) + Send + Sync>;

/// How a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A reset: the client sees an error at once.
    Reset,
    /// A clean end (FIN, and `close_notify` with TLS), as if all had been said.
    Fin,
    /// Silence until the client goes.
    Hang,
}

/// Where in an answer the connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before its first byte, after the registry has done the work.
    Start,
    /// After the head.
    Head,
    /// After so many bytes of the body.
    Body(usize),
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By a right Content-Length.
    Length,
    /// By a Content-Length that is this.
    Lying(u64),
    /// By the connection's end, without a Content-Length.
    Close,
    /// By chunks.
    Chunked,
}

/// Something that happens between reading a request and working on it.
#[derive(Clone)]
pub(super) enum Act {
    LoseUpload,
    Delay(Duration),
    Hold(Gate),
    Run(Run),
}

/// What goes wrong, or is done, with a request that a rule chose.
#[derive(Clone, Default)]
pub struct Fault {
    pub(super) early: bool,
    pub(super) stop_reading: Option<(usize, Stop)>,
    pub(super) read_rate: Option<u64>,
    pub(super) acts: Vec<Act>,
    pub(super) instead: Vec<Instead>,
    pub(super) edits: Vec<Edit>,
    pub(super) answer_gates: Vec<Gate>,
    pub(super) stop: Option<(At, Stop)>,
    pub(super) write_rate: Option<u64>,
    pub(super) framing: Option<Framing>,
    pub(super) endless: bool,
    pub(super) close_after: bool,
    pub(super) afterwards: Vec<Run>,
}

impl Fault {
    /// Returns a fault that does nothing yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// Answers `status`, and the registry does nothing.
    pub fn status(status: u16) -> Self {
        Self::answer(Answer::status(status))
    }

    /// Answers with an error of the specification's form.
    pub fn error(status: u16, code: &str) -> Self {
        Self::answer(Answer::error(status, code, "scripted"))
    }

    /// Answers `answer`, and the registry does nothing.
    pub fn answer(answer: Answer) -> Self {
        Self::instead(move |_, _| Some(answer.clone()))
    }

    /// Answers with a redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::answer(Answer::status(status).with("Location", location))
    }

    /// Answers what the closure says; where that is nothing, the registry works.
    pub fn instead(
        answer: impl Fn(&Request, &Store) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self { instead: vec![Arc::new(answer)], ..Self::none() }
    }

    /// Gives the connection up once the request was read and the work not begun.
    pub fn close(stop: Stop) -> Self {
        Self::none().stop_reading(0, stop)
    }

    /// Never answers.
    pub fn hang() -> Self {
        Self::close(Stop::Hang)
    }

    // ---- the answer that stands instead, or the registry's own ----

    /// Adds a header, in place of any of that name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.edit(move |_, answer| answer.set(&name, value.clone()))
    }

    /// Takes a header away.
    #[must_use]
    pub fn without_header(self, name: &str) -> Self {
        let name = name.to_owned();
        self.edit(move |_, answer| answer.remove(&name))
    }

    /// Sets the body, JSON or not.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.edit(move |_, answer| answer.body = body.clone())
    }

    /// Changes the answer by a closure.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&Request, &mut Answer) + Send + Sync + 'static) -> Self {
        self.edits.push(Arc::new(edit));
        self
    }

    /// Inverts the bits of the body's byte at `offset`.
    #[must_use]
    pub fn corrupt(self, offset: usize) -> Self {
        self.edit(move |_, answer| {
            let mut body = BytesMut::from(&answer.body[..]);
            if let Some(byte) = body.get_mut(offset) {
                *byte = !*byte;
            }
            answer.body = body.freeze();
        })
    }

    /// Cuts the body to `length`, with a Content-Length to match: nothing on the wire looks wrong.
    #[must_use]
    pub fn short(self, length: usize) -> Self {
        self.edit(move |_, answer| answer.body.truncate(length))
    }

    /// Adds `extra` bytes to the body, with a Content-Length to match.
    #[must_use]
    pub fn long(self, extra: usize) -> Self {
        self.edit(move |_, answer| {
            let mut body = BytesMut::from(&answer.body[..]);
            body.resize(body.len() + extra, b'x');
            answer.body = body.freeze();
        })
    }

    // ---- the wire ----

    /// Tells the body's end in another way, or lies about it.
    #[must_use]
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing: Some(framing), ..self }
    }

    /// Gives the connection up in the middle of the answer.
    #[must_use]
    pub fn stop(self, at: At, stop: Stop) -> Self {
        Self { stop: Some((at, stop)), ..self }
    }

    /// Cuts the connection after `bytes` of the body; the Content-Length promised all.
    #[must_use]
    pub fn cut_after(self, bytes: usize, stop: Stop) -> Self {
        self.stop(At::Body(bytes), stop)
    }

    /// Sends the body at this rate.
    #[must_use]
    pub fn slow(self, bytes_per_second: u64) -> Self {
        Self { write_rate: Some(bytes_per_second), ..self }
    }

    /// Goes on with the body for as long as the client reads; chunked, so that no length is told.
    #[must_use]
    pub fn endless(self) -> Self {
        Self { endless: true, framing: Some(Framing::Chunked), ..self }
    }

    /// Closes the connection after the whole answer without having said so.
    #[must_use]
    pub fn close_after(self) -> Self {
        Self { close_after: true, ..self }
    }

    /// Answers before the request's body is read; the connection ends with that.
    #[must_use]
    pub fn early(self) -> Self {
        Self { early: true, ..self }
    }

    /// Gives the connection up after `bytes` of the request's body; an upload keeps them.
    #[must_use]
    pub fn stop_reading(self, bytes: usize, stop: Stop) -> Self {
        Self { stop_reading: Some((bytes, stop)), ..self }
    }

    /// Reads the request's body at this rate (the kernel takes a few MiB at once all the same).
    #[must_use]
    pub fn read_slowly(self, bytes_per_second: u64) -> Self {
        Self { read_rate: Some(bytes_per_second), ..self }
    }

    /// Forgets the upload that the request is about, before the work: `BLOB_UPLOAD_UNKNOWN`.
    #[must_use]
    pub fn lose_upload(self) -> Self {
        self.act(Act::LoseUpload)
    }

    // ---- time and order ----

    /// Waits before the work.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.act(Act::Delay(delay))
    }

    /// Waits at `gate` before the work.
    #[must_use]
    pub fn hold(self, gate: &Gate) -> Self {
        self.act(Act::Hold(gate.clone()))
    }

    /// Waits at `gate` after the work, before the answer.
    #[must_use]
    pub fn hold_answer(mut self, gate: &Gate) -> Self {
        self.answer_gates.push(gate.clone());
        self
    }

    /// Runs before the work: somebody else changes the registry.
    #[must_use]
    pub fn before(self, run: impl Fn(&Request, &Store) + Send + Sync + 'static) -> Self {
        self.act(Act::Run(Arc::new(run)))
    }

    /// Runs after the answer was written.
    #[must_use]
    pub fn afterwards(mut self, run: impl Fn(&Request, &Store) + Send + Sync + 'static) -> Self {
        self.afterwards.push(Arc::new(run));
        self
    }

    /// Adds what another fault does; where both say one thing, the other wins.
    pub(super) fn add(&mut self, other: &Self) {
        self.early |= other.early;
        self.stop_reading = other.stop_reading.or(self.stop_reading);
        self.read_rate = other.read_rate.or(self.read_rate);
        self.acts.extend_from_slice(&other.acts);
        self.instead.extend_from_slice(&other.instead);
        self.edits.extend_from_slice(&other.edits);
        self.answer_gates.extend_from_slice(&other.answer_gates);
        self.stop = other.stop.or(self.stop);
        self.write_rate = other.write_rate.or(self.write_rate);
        self.framing = other.framing.or(self.framing);
        self.endless |= other.endless;
        self.close_after |= other.close_after;
        self.afterwards.extend_from_slice(&other.afterwards);
    }

    fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fault").finish_non_exhaustive()
    }
}
