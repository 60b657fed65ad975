//! One question to NATS and its answer: bounded in time, and honest about why none came.

use std::time::Duration;

use async_nats::client::Request;
use async_nats::{HeaderMap, Message, RequestError, RequestErrorKind, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Right;
use crate::link::Denial;
use crate::{Nats, QueueError};

/// How long an answer is awaited. The server answers in milliseconds; a cluster that elects takes up to
/// 5 s, and whoever leads must know of it before the others think it gone (15 s).
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection whose event was lost is seen after this.
const LOOK: Duration = Duration::from_millis(500);
/// So long is waited for news that are on their way within the process.
const BRIEF: Duration = Duration::from_millis(5);

/// What the JetStream API answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    No { error: Refusal },
    Yes(T),
}

/// The server's no.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default, rename = "err_code")]
    pub(crate) code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

/// NATS's codes of errors that are acted upon.
pub(crate) mod codes {
    pub(crate) const CONSUMER_NOT_FOUND: u64 = 10_014;
    pub(crate) const NO_MESSAGE: u64 = 10_037;
    pub(crate) const STREAM_NOT_FOUND: u64 = 10_059;
    pub(crate) const WRONG_LAST_SEQUENCE: u64 = 10_071;
    /// The same, said by 2.12 and newer before the sequence is known.
    pub(crate) const WRONG_LAST_SEQUENCE_CONSTANT: u64 = 10_164;
    /// What a configuration must change: the account's `JetStream`, the stream's subjects and replicas.
    pub(crate) const FINAL: [u64; 5] = [10_039, 10_052, 10_065, 10_074, 10_076];
    /// The account's, the server's and the stream's limits, and a disk that is full or broken.
    pub(crate) const NO_ROOM: [u64; 6] = [10_002, 10_023, 10_028, 10_047, 10_077, 10_122];
}

impl Nats {
    /// Asks the JetStream API.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &Value,
    ) -> Result<Result<T, Refusal>, QueueError> {
        let subject = api_subject(call);
        let message = self.ask(&subject, None, Bytes::from(body.to_string()), PATIENCE).await?;
        match message {
            Some(message) => parse(&subject, &message),
            None => Err(QueueError::Unavailable { subject }),
        }
    }

    /// Asks, and waits for the answer; `None` where nobody listens to the subject.
    pub(crate) async fn ask(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
        patience: Duration,
    ) -> Result<Option<Message>, QueueError> {
        let deadline = Instant::now() + patience;
        self.wait_until_up(deadline).await?;
        let size_bytes = payload.len();
        let mut up = self.link.up();
        let mut denials = self.link.denials();
        let request = Request { payload: Some(payload), headers, timeout: Some(None), inbox: None };
        let answer = tokio::select! {
            answer = timeout_at(deadline, self.client.send_request(subject.to_owned(), request)) => answer,
            denial = denied(&mut denials, subject) => return Err(denial.into()),
            // The answer may be lost with the connection.
            _ = up.wait_for(|up| !up) => return Err(QueueError::Disconnected),
        };
        match answer {
            Ok(Ok(message)) => Ok(Some(message)),
            Ok(Err(error)) => self.request_error(subject, size_bytes, error),
            Err(_) => Err(self.silence(subject, patience)),
        }
    }

    /// Waits until the connection is up.
    pub(crate) async fn wait_until_up(&self, deadline: Instant) -> Result<(), QueueError> {
        let mut up = self.link.up();
        loop {
            if self.is_up() {
                // The event may be under way, or was lost among too many.
                self.link.came_up();
                return Ok(());
            }
            let look = deadline.min(Instant::now() + LOOK);
            let came = timeout_at(look, up.wait_for(|up| *up)).await.is_ok();
            if !came && Instant::now() >= deadline {
                return Err(QueueError::Disconnected);
            }
            if came && !self.is_up() {
                // The news of the end is under way.
                sleep(BRIEF).await;
            }
        }
    }

    /// Returns why nothing came.
    pub(crate) fn silence(&self, subject: &str, patience: Duration) -> QueueError {
        match self.link.inbox_denial() {
            Some(denial) => denial.into(),
            None => QueueError::Silent { subject: subject.to_owned(), patience },
        }
    }

    fn request_error(
        &self,
        subject: &str,
        size_bytes: usize,
        error: RequestError,
    ) -> Result<Option<Message>, QueueError> {
        match error.kind() {
            RequestErrorKind::NoResponders => Ok(None),
            RequestErrorKind::TimedOut => Err(self.silence(subject, PATIENCE)),
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                Err(QueueError::Client { subject: subject.to_owned(), source: error.into() })
            }
            RequestErrorKind::MaxPayloadExceeded => {
                let most_bytes = self.client.server_info().max_payload;
                Err(QueueError::TooLarge { size_bytes, most_bytes })
            }
        }
    }
}

impl From<Denial> for QueueError {
    fn from(denial: Denial) -> Self {
        Self::Denied { right: denial.right, subject: denial.subject }
    }
}

/// Returns once the subject, or an inbox, was denied.
pub(crate) async fn denied(denials: &mut broadcast::Receiver<Denial>, subject: &str) -> Denial {
    loop {
        match denials.recv().await {
            Ok(denial) if denial.right == Right::Publish && denial.subject == subject => {
                return denial;
            }
            Ok(denial) if denial.right == Right::Subscribe => return denial,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

pub(crate) fn api_subject(call: &str) -> String {
    format!("$JS.API.{call}")
}

/// Reads an answer of JetStream.
pub(crate) fn parse<T: DeserializeOwned>(
    subject: &str,
    message: &Message,
) -> Result<Result<T, Refusal>, QueueError> {
    if let Some(status) = message.status.filter(|status| *status != StatusCode::OK) {
        let description = message.description.clone().unwrap_or_default();
        return Ok(Err(Refusal { code: u64::from(status.as_u16()), description }));
    }
    match serde_json::from_slice(&message.payload) {
        Ok(Answer::Yes(answer)) => Ok(Ok(answer)),
        Ok(Answer::No { error }) => Ok(Err(error)),
        Err(source) => Err(QueueError::Answer { subject: subject.to_owned(), source }),
    }
}

impl Refusal {
    /// Makes an error of a refusal that means nothing special.
    pub(crate) fn into_error(self, asset: &str, subject: &str) -> QueueError {
        if codes::NO_ROOM.contains(&self.code) {
            QueueError::Full { asset: asset.to_owned(), reason: self.description }
        } else if [codes::STREAM_NOT_FOUND, codes::CONSUMER_NOT_FOUND].contains(&self.code) {
            QueueError::Absent { asset: asset.to_owned() }
        } else {
            let subject = subject.to_owned();
            QueueError::Refused { subject, code: self.code, reason: self.description }
        }
    }
}
