//! Cross-repository mounts: a blob that the registry has elsewhere costs one request.

use mirror_oci::{Digest, RepositoryName};
use mirror_transport::{Body, Method, Retry, StatusCode};

use crate::repository::Ask;
use crate::{RegistryError, Repository, Session};

/// What came of asking for a mount.
#[derive(Debug)]
pub enum Mounted {
    /// The blob is there.
    Yes,
    /// The registry opened an upload instead.
    No(Session),
    /// The registry will not mount from there; whoever asked should not ask for this pair again.
    Refused,
}

impl Repository {
    /// Asks the registry to link a blob from another of its repositories.
    ///
    /// # Errors
    /// Only what would fail an upload too: a refusal to mount is [`Mounted::Refused`].
    pub async fn mount(
        &self,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<Mounted, RegistryError> {
        let path = self.path(&format!("blobs/uploads/?mount={digest}&from={from}"));
        let mut ask = Ask::new(Method::POST, path);
        ask.beside = Some(from.clone());
        let response = match self.send(ask, Body::Empty).await {
            // Some token servers refuse to speak of two repositories at once.
            Err(error @ RegistryError::Token { .. }) if error.retry() == Retry::Never => {
                return Ok(Mounted::Refused);
            }
            sent => sent?,
        };
        match response.status {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(Mounted::Yes),
            StatusCode::ACCEPTED => Ok(Mounted::No(self.session(&response, digest)?)),
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Ok(Mounted::Refused)
            }
            _ => Err(self.refusal(self.blob_subject(digest), response).await),
        }
    }
}
