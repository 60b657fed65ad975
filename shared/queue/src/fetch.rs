//! One pull request to a consumer, and what comes of it.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, timeout_at};

use crate::assets::nanoseconds;
use crate::call::{PATIENCE, api_subject, denied};
use crate::link::Denial;
use crate::{Nats, QueueError};

/// What is asked of a consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetch<'a> {
    pub(crate) stream: &'a str,
    pub(crate) consumer: &'a str,
    /// The most messages.
    pub(crate) most: usize,
    /// How long the server waits for messages; zero: it gives what there is.
    pub(crate) wait: Duration,
}

/// Waits of this length and more are proved alive by heartbeats.
const LONG: Duration = Duration::from_secs(10);
/// Between two heartbeats: two that are missed are an outage.
const HEARTBEAT: Duration = Duration::from_secs(4);

impl Nats {
    /// Sends a pull request, and returns the messages. Where something goes wrong after some came, these
    /// are returned: they are ours, and what is wrong shows at the next request.
    pub(crate) async fn fetch(&self, fetch: Fetch<'_>) -> Result<Vec<Message>, QueueError> {
        self.wait_until_up(Instant::now() + PATIENCE).await?;
        let mut pulled = Pulled::start(self, fetch).await?;
        let mut messages = Vec::new();
        while messages.len() < fetch.most {
            match pulled.next(self).await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) if messages.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(messages)
    }
}

/// A pull request under way.
struct Pulled<'a> {
    fetch: Fetch<'a>,
    subject: String,
    answers: Subscriber,
    denials: broadcast::Receiver<Denial>,
    up: watch::Receiver<bool>,
    /// When the server has given up waiting, and said so.
    end: Instant,
}

impl<'a> Pulled<'a> {
    async fn start(nats: &Nats, fetch: Fetch<'a>) -> Result<Self, QueueError> {
        let subject =
            api_subject(&format!("CONSUMER.MSG.NEXT.{}.{}", fetch.stream, fetch.consumer));
        let (up, denials) = (nats.link.up(), nats.link.denials());
        let cannot = |source| QueueError::Client { subject: subject.clone(), source };
        let inbox = nats.client.new_inbox();
        let answers = nats.client.subscribe(inbox.clone()).await;
        let answers = answers.map_err(|error| cannot(error.into()))?;
        let body = fetch.body();
        let sent = nats.client.publish_with_reply(subject.clone(), inbox, body.into()).await;
        sent.map_err(|error| cannot(error.into()))?;
        let end = Instant::now() + fetch.wait + PATIENCE;
        Ok(Self { fetch, subject, answers, denials, up, end })
    }

    /// Returns the next message, or `None` when there are no more.
    async fn next(&mut self, nats: &Nats) -> Result<Option<Message>, QueueError> {
        loop {
            let patience = self.fetch.patience();
            let deadline = self.end.min(Instant::now() + patience);
            let answer = tokio::select! {
                answer = timeout_at(deadline, self.answers.next()) => answer,
                denial = denied(&mut self.denials, &self.subject) => return Err(denial.into()),
                _ = self.up.wait_for(|up| !up) => return Err(QueueError::Disconnected),
            };
            let message = match answer {
                Ok(Some(message)) => message,
                Ok(None) => return Err(QueueError::Disconnected),
                Err(_) => return Err(nats.silence(&self.subject, patience)),
            };
            match message.status {
                None | Some(StatusCode::OK) => return Ok(Some(message)),
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Ok(None),
                Some(StatusCode::NO_RESPONDERS) => {
                    return Err(QueueError::Absent { asset: self.fetch.stream.to_owned() });
                }
                Some(status) => {
                    return Err(QueueError::Ended {
                        asset: self.fetch.stream.to_owned(),
                        status: status.as_u16(),
                        reason: message.description.unwrap_or_default(),
                    });
                }
            }
        }
    }
}

impl Fetch<'_> {
    fn body(&self) -> String {
        let mut body = json!({"batch": self.most});
        if self.wait.is_zero() {
            body["no_wait"] = true.into();
        } else {
            body["expires"] = nanoseconds(self.wait).into();
        }
        if self.wait >= LONG {
            body["idle_heartbeat"] = nanoseconds(HEARTBEAT).into();
        }
        body.to_string()
    }

    /// How long the server may say nothing.
    fn patience(&self) -> Duration {
        if self.wait >= LONG { HEARTBEAT * 2 } else { self.wait + PATIENCE }
    }
}
