//! What the connection tells by itself: that it is up or down, and what was not permitted.
//!
//! A missing permission is no answer to a request: the server says it beside, once. Whoever waits for
//! an answer listens here too, so that each request can name the permission that it lacks.

use std::sync::{Mutex, PoisonError};

use async_nats::{ClientError, Event, ServerError};
use tokio::sync::{broadcast, watch};
use tracing::{debug, info, warn};

use crate::error::Right;

/// Violations that a slow listener may fall behind: there is one a request, and few requests at once.
const DENIALS: usize = 256;

/// Something that was not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) right: Right,
    pub(crate) subject: String,
}

/// What is known of the connection.
#[derive(Debug)]
pub(crate) struct Link {
    name: String,
    inbox_prefix: String,
    up: watch::Sender<bool>,
    denials: broadcast::Sender<Denial>,
    /// The inbox may not be subscribed to: said once a connection, and true of all requests on it.
    inbox: Mutex<Option<Denial>>,
}

impl Link {
    pub(crate) fn new(name: String, inbox_prefix: String) -> Self {
        Self {
            name,
            inbox_prefix,
            up: watch::Sender::new(true),
            denials: broadcast::Sender::new(DENIALS),
            inbox: Mutex::new(None),
        }
    }

    pub(crate) fn up(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Says that the connection is seen to be up.
    pub(crate) fn came_up(&self) {
        self.up.send_if_modified(|up| !std::mem::replace(up, true));
    }

    pub(crate) fn denials(&self) -> broadcast::Receiver<Denial> {
        self.denials.subscribe()
    }

    /// Returns the denial of the inbox, without which no answer comes.
    pub(crate) fn inbox_denial(&self) -> Option<Denial> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn tell(&self, event: &Event) {
        let connection = self.name.as_str();
        match event {
            Event::Connected => {
                info!(connection, "connected to NATS");
                self.forget_inbox();
                self.up.send_replace(true);
            }
            Event::Disconnected => {
                warn!(connection, "disconnected from NATS");
                self.up.send_replace(false);
            }
            Event::Closed => {
                info!(connection, "connection to NATS is closed");
                self.up.send_replace(false);
            }
            Event::LameDuckMode => info!(connection, "the NATS server is about to end"),
            Event::Draining => debug!(connection, "connection to NATS is draining"),
            Event::SlowConsumer(subscription) => {
                warn!(connection, subscription, "messages of NATS are lost: too slow");
            }
            Event::ServerError(error) => self.server_error(error),
            Event::ClientError(error) => self.client_error(error),
        }
    }

    fn server_error(&self, error: &ServerError) {
        let connection = self.name.as_str();
        match error {
            ServerError::Other(text) => match denial(text) {
                Some(denial) => {
                    warn!(connection, right = %denial.right, subject = %denial.subject, "NATS does not permit it");
                    self.deny(denial);
                }
                None => warn!(connection, %text, "NATS reports an error"),
            },
            ServerError::AuthorizationViolation | ServerError::SlowConsumer(_) => {
                warn!(connection, %error, "NATS reports an error");
            }
        }
    }

    fn client_error(&self, error: &ClientError) {
        warn!(connection = self.name.as_str(), %error, "cannot connect to NATS, trying on");
    }

    fn deny(&self, denial: Denial) {
        if denial.right == Right::Subscribe && denial.subject.starts_with(&self.inbox_prefix) {
            *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(denial.clone());
        }
        // Nobody listening is no mistake.
        let _ = self.denials.send(denial);
    }

    fn forget_inbox(&self) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Reads `Permissions Violation for Publish to "subject"`, and the same of `Subscription to`.
fn denial(text: &str) -> Option<Denial> {
    let rest = text.trim_matches('\'').strip_prefix("Permissions Violation for ")?;
    let (right, rest) = match rest.strip_prefix("Publish to \"") {
        Some(rest) => (Right::Publish, rest),
        None => (Right::Subscribe, rest.strip_prefix("Subscription to \"")?),
    };
    let (subject, _) = rest.split_once('"')?;
    Some(Denial { right, subject: subject.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(Right, &str)>) {
        let found = denial(text);
        let found = found.as_ref().map(|denial| (denial.right, denial.subject.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_violation_names_its_subject() {
        check(
            "Permissions Violation for Publish to \"fm.v1.log.leader\"",
            Some((Right::Publish, "fm.v1.log.leader")),
        );
        check(
            "Permissions Violation for Subscription to \"_INBOX.x.*\" using queue \"q\"",
            Some((Right::Subscribe, "_INBOX.x.*")),
        );
        check("Permissions Violation for Publish to", None);
        check("maximum payload exceeded", None);
    }

    #[test]
    fn a_denied_inbox_is_remembered_until_the_next_connection() {
        let link = Link::new("test".to_owned(), "_INBOX_eu".to_owned());
        let text = "Permissions Violation for Subscription to \"_INBOX_eu.1.*\"";
        link.tell(&Event::ServerError(ServerError::Other(text.to_owned())));
        assert_eq!(link.inbox_denial().unwrap().subject, "_INBOX_eu.1.*");
        link.tell(&Event::Disconnected);
        assert!(!*link.up().borrow());
        link.tell(&Event::Connected);
        assert!(*link.up().borrow());
        assert_eq!(link.inbox_denial(), None);
    }
}
