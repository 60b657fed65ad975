//! JWT-SVIDs of the SPIFFE Workload API.

use std::time::{Duration, SystemTime};

use spiffe::{WorkloadApiClient, WorkloadApiError};

use crate::asked::{Asked, causes};
use crate::provider::{Answer, Minted, Provider, ProviderError};
use crate::{Secret, jwk};

/// An agent is on this machine: one that says nothing for so long is not there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a JWT-SVID is thought to live that does not say; all do.
const DEFAULT_LIFE: Duration = Duration::from_mins(1);
/// What to look at when there is none.
const CHECK: &str = "that SPIFFE_ENDPOINT_SOCKET names an agent's Workload API, and that this workload \
                     is registered there";

/// The agent of this machine, if there is one.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Where its Workload API is.
    endpoint: Option<String>,
}

impl Agent {
    /// Takes from `environment` where it is; asks nobody.
    pub(crate) fn new(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let endpoint = environment("SPIFFE_ENDPOINT_SOCKET");
        Self { endpoint: endpoint.filter(|socket| !socket.is_empty()) }
    }
}

impl Provider<[String], Minted> for Agent {
    fn ask<'p>(&'p self, audiences: &'p [String]) -> Answer<'p, Minted> {
        Box::pin(token(self.endpoint.as_deref(), audiences))
    }
}

/// Asks the Workload API at `endpoint` for a token.
async fn token(endpoint: Option<&str>, audiences: &[String]) -> Result<Minted, ProviderError> {
    let shown = endpoint.unwrap_or("nowhere");
    let for_whom = audiences.join(", ");
    let what = format!("asking the Workload API at {shown} for a JWT-SVID for {for_whom}");
    let asked = Asked { what, check: CHECK };
    let Some(endpoint) = endpoint else {
        return Err(asked.refused("SPIFFE_ENDPOINT_SOCKET is not set"));
    };
    let fetch = async {
        let client = WorkloadApiClient::connect_to(endpoint).await?;
        client.fetch_jwt_token(audiences, None).await
    };
    let Ok(fetched) = tokio::time::timeout(ANSWER_TIMEOUT, fetch).await else {
        let seconds = ANSWER_TIMEOUT.as_secs();
        return Err(asked.unavailable(format!("it did not answer within {seconds} s")));
    };
    let token = match fetched {
        Ok(token) => Secret::new(token),
        Err(error @ WorkloadApiError::Endpoint(_)) => return Err(asked.refused(causes(&error))),
        // An agent that was restarted knows nobody for a while.
        Err(error) => return Err(asked.unavailable(causes(&error))),
    };
    let life = jwk::life(token.expose(), SystemTime::now()).unwrap_or(DEFAULT_LIFE);
    Ok(Minted { token, by: None, life })
}
