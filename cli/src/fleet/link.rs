//! Calls to whichever coordinator leads, made again while that may help.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mirror_model::{Event, Failure, FailureKind, Observer, Stage, Warning};
use mirror_proto::wire::control::v1::control_client::ControlClient;
use mirror_rpc::{Channel, ClientOptions, Dialer, MAX_MESSAGE_BYTES, RpcError};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use crate::failure::Failed;

/// A fleet of which nobody has answered for this long is not there: a coordinator starts within a
/// few seconds, and a standby leads after 20 s at the most.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so many failures in a row, a second or more, the user is told: a change of leaders takes
/// some.
const FAILURES_UNTOLD: u32 = 6;

/// What is spoken with a coordinator.
pub(crate) type Client = ControlClient<Channel>;

/// The coordinators of a fleet.
pub(crate) struct Link {
    dialer: Dialer,
    /// Whether anybody has ever answered.
    answered: AtomicBool,
}

/// How long a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until there is an answer; for [`PATIENCE`] where nobody has ever answered.
    Endless,
    /// For [`PATIENCE`].
    Bounded,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No coordinator that leads was found in time.
    #[error("no coordinator answers for {PATIENCE:?}, last at {target}: {trouble}")]
    Silent {
        /// Where the last try went.
        target: String,
        /// How it failed.
        trouble: String,
    },
    /// The coordinator does not know what was asked for.
    #[error("not known")]
    Unknown,
    /// Coordinators cannot be reached as the options say, or do not speak to us.
    #[error(transparent)]
    Unusable(#[from] RpcError),
    /// The coordinator refused.
    #[error("{target} refuses: {message}")]
    Refused {
        /// Who refused.
        target: String,
        /// Why, or which code it gave without saying why.
        message: String,
    },
    /// The coordinator said what is no part of the protocol.
    #[error("{target} answers what is not understood")]
    Invalid {
        /// Who said it.
        target: String,
        /// What is wrong with it.
        source: mirror_proto::Invalid,
    },
}

/// A failure after which it is tried again.
#[derive(Debug)]
pub(crate) struct Trouble(String);

/// Failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    failures: u32,
    since: Option<Instant>,
}

impl Link {
    /// Checks how coordinators are reached; reaches none.
    pub(crate) fn new(options: ClientOptions) -> Result<Self, Failed> {
        let dialer = Dialer::new(options).map_err(|error| Failed::by(&error))?;
        Ok(Self { dialer, answered: AtomicBool::new(false) })
    }

    /// Calls until there is an answer, or a refusal, or patience is at its end.
    pub(crate) async fn call<T>(
        &self,
        patience: Patience,
        observer: &dyn Observer,
        call: impl AsyncFn(Client) -> Result<T, Status>,
    ) -> Result<T, CallError> {
        let mut outage = Outage::default();
        loop {
            let trouble = match self.attempt(&call).await? {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            self.wait(&mut outage, trouble, patience, observer).await?;
        }
    }

    /// Calls once: an answer, or trouble after which it may be called again.
    pub(crate) async fn attempt<T>(
        &self,
        call: &impl AsyncFn(Client) -> Result<T, Status>,
    ) -> Result<Result<T, Trouble>, CallError> {
        let channel = match self.dialer.channel().await {
            Ok(channel) => channel,
            Err(error) if error.is_temporary() => return Ok(Err(Trouble::of(&error))),
            Err(error) => return Err(error.into()),
        };
        let client = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        match call(client).await {
            Ok(answer) => {
                self.dialer.answered();
                self.answered.store(true, Ordering::Relaxed);
                Ok(Ok(answer))
            }
            Err(status) => self.judge(&status).map(Err),
        }
    }

    /// Judges what came instead of an answer: trouble, or an error that stands.
    pub(crate) fn judge(&self, status: &Status) -> Result<Trouble, CallError> {
        let target = self.dialer.target();
        // What came over the wire has no cause: somebody is there, if only to say that he does not lead.
        if status.source().is_none() {
            self.answered.store(true, Ordering::Relaxed);
        }
        let refusal = self.dialer.refusal(status);
        if self.dialer.learn(status) {
            return Ok(refusal.map_or_else(|| Trouble(said(status)), |error| Trouble::of(&error)));
        }
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        if status.code() == Code::NotFound {
            return Err(CallError::Unknown);
        }
        Err(CallError::Refused { target, message: said(status) })
    }

    /// Waits before the next try, or ends the waiting.
    pub(crate) async fn wait(
        &self,
        outage: &mut Outage,
        Trouble(trouble): Trouble,
        patience: Patience,
        observer: &dyn Observer,
    ) -> Result<(), CallError> {
        let target = self.dialer.target();
        outage.failures = outage.failures.saturating_add(1);
        let since = *outage.since.get_or_insert_with(Instant::now);
        let endless = match patience {
            Patience::Endless => self.answered.load(Ordering::Relaxed),
            Patience::Bounded => false,
        };
        if !endless && since.elapsed() >= PATIENCE {
            return Err(CallError::Silent { target, trouble });
        }
        if outage.failures == FAILURES_UNTOLD {
            let message =
                format!("no coordinator that leads is found, last asked {target}: {trouble}");
            observer.observe(Event::Warning(Warning::Run { message }));
        }
        sleep(Dialer::pause(outage.failures)).await;
        Ok(())
    }

    /// Says that an answer is not understood.
    pub(crate) fn invalid(&self, source: mirror_proto::Invalid) -> CallError {
        CallError::Invalid { target: self.dialer.target(), source }
    }
}

impl Trouble {
    /// Says that a stream ended before what it was to tell had ended.
    pub(crate) fn cut() -> Self {
        Self("the stream ended early".to_owned())
    }

    fn of(error: &RpcError) -> Self {
        Self(Failure::new(Stage::Run, FailureKind::Unavailable, error).message)
    }
}

/// Returns what a status says, or its code where it says nothing.
fn said(status: &Status) -> String {
    match status.message() {
        "" => status.code().to_string(),
        message => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// To where nobody listens.
    fn nobody() -> Link {
        let url = format!("http://{}", mirror_tests::ports::free());
        Link::new(ClientOptions { coordinators: vec![url], ..ClientOptions::default() }).unwrap()
    }

    async fn call(link: &Link, patience: Patience) -> (CallError, usize) {
        let told = Mutex::new(0);
        let observer = |_event| *told.lock().unwrap() += 1;
        let call = async |_client: Client| Ok::<(), Status>(());
        let error = link.call(patience, &observer, call).await.unwrap_err();
        let told = *told.lock().unwrap();
        (error, told)
    }

    #[tokio::test(start_paused = true)]
    async fn a_fleet_of_which_nobody_ever_answered_ends_the_waiting() {
        let (error, told) = call(&nobody(), Patience::Endless).await;
        assert!(matches!(error, CallError::Silent { .. }), "{error}");
        assert_eq!(told, 1, "once for all that failed in a row");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fleet_that_has_answered_is_waited_for_where_patience_is_endless() {
        let link = nobody();
        link.answered.store(true, Ordering::Relaxed);
        let (error, _) = call(&link, Patience::Bounded).await;
        assert!(matches!(error, CallError::Silent { .. }), "{error}");
        let endless = tokio::time::timeout(PATIENCE * 10, call(&link, Patience::Endless));
        assert!(endless.await.is_err());
    }

    #[test]
    fn who_is_there_to_say_no_has_answered() {
        let link = nobody();
        assert!(link.judge(&Status::unavailable("this coordinator does not lead")).is_ok());
        assert!(link.answered.load(Ordering::Relaxed));
        let judged = link.judge(&Status::not_found("no such run"));
        assert!(matches!(judged, Err(CallError::Unknown)));
        let judged = link.judge(&Status::invalid_argument("entries[3].source is absent"));
        let Err(CallError::Refused { message, .. }) = judged else { panic!("{judged:?}") };
        assert_eq!(message, "entries[3].source is absent");
    }
}
