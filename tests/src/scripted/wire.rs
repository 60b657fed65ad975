//! HTTP/1.1 on the wire: heads and bodies in, answers out, each at the pace and up to the point
//! that a fault says.
//!
//! Generic over the stream, so that `client` reads answers by the same code.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep;

use super::answer::Answer;
use super::fault::{At, Framing, Stop};

/// The longest head that is read: more than any client sends.
const HEAD_LIMIT: usize = 256 * 1024;
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 22;
/// The most headers in a head.
const HEADERS_LIMIT: usize = 256;
/// The most of a body that is written at once.
const CHUNK: usize = 64 * 1024;
/// How often a slow body goes on.
const TICK: Duration = Duration::from_millis(50);

/// A method, a target and headers.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// A stream and what was read from it ahead of time.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    /// Bytes of body written by the answer under way, also where that breaks off.
    pub(crate) body_bytes: u64,
    buffer: BytesMut,
}

/// How a request's body is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) stop_after: Option<usize>,
    pub(crate) bytes_per_second: Option<u64>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) stop: Option<(At, Stop)>,
    pub(crate) bytes_per_second: Option<u64>,
    pub(crate) framing: Framing,
    pub(crate) endless: bool,
    pub(crate) head_only: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, body_bytes: 0, buffer: BytesMut::new() }
    }

    /// Reads a request's head; none where the peer is gone.
    pub(crate) async fn request_head(&mut self) -> io::Result<Option<Head>> {
        let Some(head) = self.head_bytes().await? else { return Ok(None) };
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&head).map_err(io::Error::other)?;
        Ok(Some(Head {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers: owned(parsed.headers),
        }))
    }

    /// Reads an answer's head: status and headers.
    pub(crate) async fn answer_head(&mut self) -> io::Result<Answer> {
        let head = self.head_bytes().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&head).map_err(io::Error::other)?;
        let status = parsed.code.unwrap_or_default();
        Ok(Answer { headers: owned(parsed.headers), ..Answer::status(status) })
    }

    /// Reads a body as its headers say. Returns what came and whether that was all.
    pub(crate) async fn body(
        &mut self,
        headers: &[(String, String)],
        until_end: bool,
        reading: Reading,
    ) -> (Bytes, bool) {
        let header = |name: &str| {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let mut body = BytesMut::new();
        let limit = reading.stop_after;
        let whole = if header("transfer-encoding").is_some_and(|it| it.contains("chunked")) {
            self.chunked(&mut body, reading).await
        } else if let Some(length) = header("content-length").and_then(|it| it.parse().ok()) {
            self.exactly(length, &mut body, reading).await
        } else if until_end {
            self.exactly(usize::MAX, &mut body, reading).await.or(Ok(()))
        } else {
            Ok(())
        };
        if let Some(limit) = limit {
            body.truncate(limit);
        }
        (body.freeze(), whole.is_ok() && limit.is_none())
    }

    /// Writes an answer. Returns how the connection is to be given up, where it is.
    pub(crate) async fn answer(
        &mut self,
        answer: &Answer,
        writing: &Writing,
    ) -> io::Result<Option<Stop>> {
        self.body_bytes = 0;
        if let Some((At::Start, stop)) = writing.stop {
            return Ok(Some(stop));
        }
        self.stream.write_all(head_text(answer, writing).as_bytes()).await?;
        if let Some((At::Head, stop)) = writing.stop {
            self.stream.flush().await?;
            return Ok(Some(stop));
        }
        let has_body = !writing.head_only && may_have_body(answer.status);
        let mut body = answer.body.clone();
        if !has_body {
            body.clear();
        }
        let cut = match writing.stop {
            Some((At::Body(bytes), stop)) => {
                body.truncate(bytes);
                Some(stop)
            }
            Some(_) | None => None,
        };
        self.paced(body, writing).await?;
        if has_body && writing.endless {
            let more = Bytes::from(vec![b'x'; CHUNK]);
            loop {
                // Ends by an error, when the client goes.
                self.paced(more.clone(), writing).await?;
            }
        }
        if has_body && cut.is_none() && writing.framing == Framing::Chunked {
            self.stream.write_all(b"0\r\n\r\n").await?;
        }
        self.stream.flush().await?;
        let close = matches!(writing.framing, Framing::Close | Framing::Lying(_));
        Ok(cut.or(close.then_some(Stop::Fin)))
    }

    async fn paced(&mut self, mut body: Bytes, writing: &Writing) -> io::Result<()> {
        let chunked = writing.framing == Framing::Chunked;
        let size = writing.bytes_per_second.map_or(CHUNK, step);
        while !body.is_empty() {
            let part = body.split_to(size.min(body.len()));
            if chunked {
                self.stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
            }
            self.stream.write_all(&part).await?;
            if chunked {
                self.stream.write_all(b"\r\n").await?;
            }
            self.body_bytes += part.len() as u64;
            if let Some(rate) = writing.bytes_per_second {
                self.stream.flush().await?;
                sleep(time_for(part.len(), rate)).await;
            }
        }
        Ok(())
    }

    async fn head_bytes(&mut self) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(Some(self.buffer.split_to(end + 4)));
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(io::Error::other("the head is too long"));
            }
            // Whoever tries TLS waits for an answer to its hello, as we would for the rest of a head.
            if self.buffer.first() == Some(&TLS_HANDSHAKE) {
                return Err(io::Error::other("a TLS hello, and no request"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn exactly(
        &mut self,
        length: usize,
        body: &mut BytesMut,
        reading: Reading,
    ) -> io::Result<()> {
        let end = body.len().saturating_add(length);
        while body.len() < end && reading.stop_after.is_none_or(|limit| body.len() < limit) {
            if self.buffer.is_empty() && self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let most = reading.bytes_per_second.map_or(usize::MAX, step);
            let take = most.min(end - body.len()).min(self.buffer.len());
            body.extend_from_slice(&self.buffer[..take]);
            self.buffer.advance(take);
            if let Some(rate) = reading.bytes_per_second {
                sleep(time_for(take, rate)).await;
            }
        }
        Ok(())
    }

    async fn chunked(&mut self, body: &mut BytesMut, reading: Reading) -> io::Result<()> {
        while reading.stop_after.is_none_or(|limit| body.len() < limit) {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.exactly(size, body, reading).await?;
            self.line().await?;
        }
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.buffer.len() > HEAD_LIMIT || self.stream.read_buf(&mut self.buffer).await? == 0
            {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Returns how much goes in one tick at this rate.
pub(crate) fn step(bytes_per_second: u64) -> usize {
    let step = u128::from(bytes_per_second) * TICK.as_millis() / 1000;
    usize::try_from(step).unwrap_or(usize::MAX).max(1)
}

/// Returns how long `bytes` take at this rate.
pub(crate) fn time_for(bytes: usize, bytes_per_second: u64) -> Duration {
    let micros = (bytes as u128) * 1_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

fn may_have_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

fn head_text(answer: &Answer, writing: &Writing) -> String {
    let told = match writing.framing {
        Framing::Lying(length) => Some(format!("Content-Length: {length}")),
        Framing::Close => Some("Connection: close".to_owned()),
        Framing::Chunked => Some("Transfer-Encoding: chunked".to_owned()),
        Framing::Length if answer.header("content-length").is_some() => None,
        Framing::Length => Some(format!("Content-Length: {}", answer.body.len())),
    };
    let mut lines = vec![format!("HTTP/1.1 {} {}", answer.status, reason(answer.status))];
    lines.extend(answer.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.extend(told.filter(|_| may_have_body(answer.status)));
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}
