//! Reads along with what a client sends and finds the HTTP/1.1 requests in it.

use bytes::{Buf as _, BytesMut};

use crate::scripted::{Kind, Listener, Request};

/// The most headers in a request.
const HEADERS_LIMIT: usize = 256;

/// A request that went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it asked for.
    pub kind: Kind,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The repository.
    pub repository: Option<String>,
    /// The tag, digest or upload.
    pub reference: Option<String>,
    /// The connection, counted from 1.
    pub connection: usize,
}

/// One connection being read along with.
#[derive(Debug)]
pub(super) struct Watch {
    connection: usize,
    buffer: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Body(usize),
    ChunkSize,
    Chunk(usize),
    Trailers,
    /// Not HTTP/1.1, for example TLS.
    Lost,
}

impl Watch {
    pub(super) fn new(connection: usize) -> Self {
        Self { connection, buffer: BytesMut::new(), state: State::Head }
    }

    /// Takes what came and returns the requests whose heads are whole now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Seen> {
        if matches!(self.state, State::Lost) {
            return Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
        let mut seen = Vec::new();
        while let Some(next) = self.step(&mut seen) {
            self.state = next;
        }
        seen
    }

    /// Goes one step on; none where more must come first.
    fn step(&mut self, seen: &mut Vec<Seen>) -> Option<State> {
        if self.buffer.is_empty() {
            return None;
        }
        match self.state {
            State::Head => self.head(seen),
            State::Body(left) => Some(self.skip(left, State::Head, State::Body)),
            State::ChunkSize => {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or_default().trim();
                Some(match usize::from_str_radix(size, 16) {
                    Ok(0) => State::Trailers,
                    // The line's end after a chunk is skipped with it.
                    Ok(size) => State::Chunk(size + 2),
                    Err(_) => State::Lost,
                })
            }
            State::Chunk(left) => Some(self.skip(left, State::ChunkSize, State::Chunk)),
            State::Trailers => {
                Some(if self.line()?.is_empty() { State::Head } else { State::Trailers })
            }
            State::Lost => {
                self.buffer.clear();
                None
            }
        }
    }

    fn head(&mut self, seen: &mut Vec<Seen>) -> Option<State> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
        let mut parsed = httparse::Request::new(&mut headers);
        let length = match parsed.parse(&self.buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return None,
            Err(_) => return Some(State::Lost),
        };
        let value = |name: &str| {
            let found = parsed.headers.iter().find(|one| one.name.eq_ignore_ascii_case(name));
            found.and_then(|one| std::str::from_utf8(one.value).ok())
        };
        let next = if value("transfer-encoding").is_some() {
            State::ChunkSize
        } else {
            match value("content-length").and_then(|length| length.parse().ok()) {
                Some(0) | None => State::Head,
                Some(length) => State::Body(length),
            }
        };
        let (method, target) = (parsed.method?, parsed.path?);
        let request = Request::new(method, target, Vec::new(), Listener::Main, false);
        seen.push(Seen {
            kind: request.kind,
            method: request.method,
            target: request.target,
            repository: request.repository,
            reference: request.reference,
            connection: self.connection,
        });
        self.buffer.advance(length);
        Some(next)
    }

    fn skip(&mut self, left: usize, then: State, rest: impl Fn(usize) -> State) -> State {
        let part = left.min(self.buffer.len());
        self.buffer.advance(part);
        if part == left { then } else { rest(left - part) }
    }

    fn line(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|window| window == b"\r\n")?;
        let line = self.buffer.split_to(end + 2);
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_however_they_are_cut() {
        let text = b"PUT /v2/a/blobs/uploads/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nGET /\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\n\
            POST /token HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET HEAD /v2/a/manifests/v1 HTTP/1.1\r\n\r\n";
        for size in 1..text.len() {
            let mut watch = Watch::new(1);
            let parts = text.chunks(size).flat_map(|part| watch.feed(part));
            let kinds: Vec<Kind> = parts.map(|seen| seen.kind).collect();
            let expected = [Kind::UploadPut, Kind::Ping, Kind::Token, Kind::ManifestHead];
            assert_eq!(kinds, expected, "in parts of {size}");
        }
    }
}
