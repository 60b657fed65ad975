//! Tries the permissions that will be needed, when nothing depends on them yet.
//!
//! NATS tells of a missing permission beside the answers, when it is used for the first time: that would
//! be in the middle of a run. What is sent here is refused by its content, or finds nothing.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;

use crate::call::{PATIENCE, api_subject, denied};
use crate::{Nats, QueueError};

/// No stream ends here, and no message has this sequence.
pub(crate) const NOWHERE: u64 = i64::MAX as u64;
/// How long after a later answer the news of a violation may come: both are in one buffer by then.
const NEWS: Duration = Duration::from_millis(100);

impl Nats {
    /// Tries a call of the API; any answer will do.
    pub(crate) async fn try_call(&self, call: &str, body: &Value) -> Result<(), QueueError> {
        let body = Bytes::from(body.to_string());
        self.ask(&api_subject(call), None, body, PATIENCE).await.map(drop)
    }

    /// Tries to publish to a stream what it refuses to store; any answer will do.
    pub(crate) async fn try_publish(&self, subject: &str) -> Result<(), QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, NOWHERE.to_string());
        self.ask(subject, Some(headers), Bytes::new(), PATIENCE).await.map(drop)
    }

    /// Tries to publish what is never answered; `call` is a call that may be made.
    pub(crate) async fn try_silent(
        &self,
        subject: &str,
        payload: &'static [u8],
        call: &str,
        body: &Value,
    ) -> Result<(), QueueError> {
        let mut denials = self.link.denials();
        let sent = self.client.publish(subject.to_owned(), Bytes::from_static(payload)).await;
        sent.map_err(|error| QueueError::Client {
            subject: subject.to_owned(),
            source: error.into(),
        })?;
        self.try_call(call, body).await?;
        match timeout(NEWS, denied(&mut denials, subject)).await {
            Ok(denial) => Err(denial.into()),
            Err(_) => Ok(()),
        }
    }
}
