//! One connection of the registry: request by request, each with the faults that are due.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::answer::Answer;
use super::fault::{Act, Fault, Framing, Stop};
use super::request::{Kind, Listener, Request};
use super::routes;
use super::stream::Stream;
use super::wire::{Head, Reading, Wire, Writing};

/// How much of a request's body the log keeps.
const LOGGED_BODY: usize = 64 * 1024;

/// The answer to what is no request.
const NO_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

/// A connection and who is at its other end.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) listener: Listener,
    pub(super) number: usize,
    pub(super) peer: SocketAddr,
}

/// What becomes of a connection after a request.
enum Next {
    Another,
    GiveUp(Stop),
}

impl Connection {
    /// Serves requests until the connection ends.
    pub(super) async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        drop(stream.set_nodelay(true));
        let stream = match tls {
            None => Stream::Plain(stream),
            // A client that does not trust us is what some tests are about.
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(_) => return,
            },
        };
        let mut wire = Wire::new(stream);
        let mut reused = false;
        loop {
            let head = match wire.request_head().await {
                Ok(Some(head)) => head,
                Ok(None) => return,
                // As servers answer a TLS hello that comes to plain HTTP.
                Err(_) => {
                    drop(wire.stream.write_all(NO_REQUEST).await);
                    return wire.stream.give_up(Stop::Fin).await;
                }
            };
            match self.request(&mut wire, head, reused).await {
                Ok(Next::Another) => reused = true,
                Ok(Next::GiveUp(stop)) => return wire.stream.give_up(stop).await,
                // The client broke off: nobody is left to tell.
                Err(_) => return,
            }
        }
    }

    async fn request(&self, wire: &mut Wire<Stream>, head: Head, reused: bool) -> io::Result<Next> {
        let shared = &self.shared;
        let mut request =
            Request::new(&head.method, &head.target, head.headers, self.listener, reused);
        let fault = shared.script.due(&request);
        let number = shared.recorder.begin(&request, self.number, self.peer.port());
        let result = self.exchange(wire, &mut request, &fault, number).await;
        shared.recorder.update(number, |entry| entry.end = Some(Instant::now()));
        for run in &fault.afterwards {
            run(&request, &shared.store);
        }
        result
    }

    async fn exchange(
        &self,
        wire: &mut Wire<Stream>,
        request: &mut Request,
        fault: &Fault,
        number: usize,
    ) -> io::Result<Next> {
        let shared = &self.shared;
        if !fault.early && !self.read_body(wire, request, fault, number).await? {
            routes::keep_partial(request, &shared.store);
            return Ok(Next::GiveUp(fault.stop_reading.map_or(Stop::Reset, |(_, stop)| stop)));
        }

        shared.gate.pass().await;
        for act in &fault.acts {
            match act {
                Act::Delay(delay) => sleep(*delay).await,
                Act::Hold(gate) => gate.pass().await,
                Act::Run(run) => run(request, &shared.store),
                Act::LoseUpload => routes::lose_upload(request, &shared.store),
            }
        }
        let instead = fault.instead.iter().rev().find_map(|answer| answer(request, &shared.store));
        let mut answer = instead.unwrap_or_else(|| self.work(request));
        for edit in &fault.edits {
            edit(request, &mut answer);
        }
        for gate in &fault.answer_gates {
            gate.pass().await;
        }

        shared.recorder.update(number, |entry| {
            entry.status = Some(answer.status);
            entry.answering = Some(Instant::now());
        });
        let writing = Writing {
            stop: fault.stop,
            bytes_per_second: fault.write_rate,
            framing: fault.framing.unwrap_or(Framing::Length),
            endless: fault.endless,
            head_only: request.method == "HEAD",
        };
        let written = wire.answer(&answer, &writing).await;
        shared.recorder.update(number, |entry| entry.sent_bytes = wire.body_bytes);
        let close = fault.early
            || fault.close_after
            || asks_to_close(request.header("connection"))
            || asks_to_close(answer.header("connection"));
        Ok(match written?.or(close.then_some(Stop::Fin)) {
            Some(stop) => Next::GiveUp(stop),
            None => Next::Another,
        })
    }

    /// Reads the body; returns whether it was read to its end.
    async fn read_body(
        &self,
        wire: &mut Wire<Stream>,
        request: &mut Request,
        fault: &Fault,
        number: usize,
    ) -> io::Result<bool> {
        if request.header("expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue")) {
            wire.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let reading = Reading {
            stop_after: fault.stop_reading.map(|(bytes, _)| bytes),
            bytes_per_second: fault.read_rate,
        };
        let (body, whole) = wire.body(&request.headers, false, reading).await;
        request.body = body;
        self.shared.recorder.update(number, |entry| {
            entry.body_bytes = request.body.len() as u64;
            if matches!(request.kind, Kind::Token | Kind::ManifestPut) {
                entry.body = request.body[..request.body.len().min(LOGGED_BODY)].to_vec();
            }
        });
        Ok(whole)
    }

    /// Does what a right registry does.
    fn work(&self, request: &Request) -> Answer {
        let shared = &self.shared;
        let options = shared.options();
        if let Some(refusal) = shared.tokens.refuse(request, &options.auth, shared) {
            return refusal;
        }
        if request.kind == Kind::Token {
            return shared.tokens.issue(request, &options.auth);
        }
        routes::answer(request, &options, shared)
    }
}

fn asks_to_close(connection: Option<&str>) -> bool {
    connection.is_some_and(|connection| connection.eq_ignore_ascii_case("close"))
}
