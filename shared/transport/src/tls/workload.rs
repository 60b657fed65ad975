//! The SPIFFE Workload API, as whoever connects names it; what it says is in `spiffe`, with the feature
//! of that name.

use std::fmt;
use std::pin::Pin;
#[cfg(feature = "spiffe")]
use std::sync::Arc;

use crate::RootCause;
#[cfg(feature = "spiffe")]
use crate::tls::spiffe::Source;

/// The SPIFFE Workload API of this process: who we are, and who vouches for others. Nothing is asked of
/// it before it is first needed; then it is heard while the process lives.
#[derive(Clone)]
pub struct Workload {
    #[cfg(feature = "spiffe")]
    source: Arc<Source>,
}

/// Which server is trusted by its SPIFFE ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpiffeServer {
    /// The one with this ID.
    Id(String),
    /// Any of this trust domain.
    TrustDomain(String),
    /// Any of our own trust domain.
    OwnTrustDomain,
    /// Any that a trust domain vouches for which ours knows.
    Any,
}

/// What [`Workload::ready`] waits for.
pub(crate) type Ready<'w> = Pin<Box<dyn Future<Output = Result<(), RootCause>> + Send + 'w>>;

impl Workload {
    /// Takes where it is (`SPIFFE_ENDPOINT_SOCKET`); asks nothing yet.
    pub fn new(endpoint: Option<String>) -> Self {
        #[cfg(feature = "spiffe")]
        let workload = Self { source: Arc::new(Source::new(endpoint)) };
        #[cfg(not(feature = "spiffe"))]
        let (workload, _) = (Self {}, endpoint);
        workload
    }

    /// Waits until it is known who we are, for ten seconds at most. What is waited for is hidden: every
    /// request is made of it, and the compiler looks through all of that.
    #[cfg_attr(
        not(feature = "spiffe"),
        expect(clippy::unused_self, reason = "there is nobody to be asked")
    )]
    pub(crate) fn ready(&self) -> Ready<'_> {
        #[cfg(feature = "spiffe")]
        return Box::pin(self.source.ready());
        #[cfg(not(feature = "spiffe"))]
        Box::pin(std::future::ready(Err(RootCause::new(super::NO_SPIFFE.to_owned()))))
    }

    #[cfg(feature = "spiffe")]
    pub(super) fn source(&self) -> &Source {
        &self.source
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Workload(…)")
    }
}
