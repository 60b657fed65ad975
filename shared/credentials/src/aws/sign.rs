//! Signature Version 4, over a POST whose body is known.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use crate::Secret;

/// A POST that is to be signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post<'p> {
    pub(super) service: &'p str,
    pub(super) region: &'p str,
    pub(super) url: &'p str,
    /// Headers that are signed, beside the host.
    pub(super) headers: &'p [(&'p str, &'p str)],
    pub(super) body: &'p str,
}

/// Why nothing was signed: our own mistake or a value that fits no header.
#[derive(Debug, thiserror::Error)]
#[error("nothing can be signed ({reason})")]
pub(super) struct SignError {
    reason: String,
}

impl SignError {
    fn new(error: &dyn std::error::Error) -> Self {
        Self { reason: error.to_string() }
    }
}

impl Post<'_> {
    /// Returns its headers and those that signing adds: the time, the signature, and the session's token
    /// where there is one.
    pub(super) fn sign(
        &self,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Vec<(String, Secret)>, SignError> {
        let identity = credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| SignError::new(&error))?
            .into();
        let body = SignableBody::Bytes(self.body.as_bytes());
        let request = SignableRequest::new("POST", self.url, self.headers.iter().copied(), body);
        let request = request.map_err(|error| SignError::new(&error))?;
        let signed = sign(request, &parameters).map_err(|error| SignError::new(&error))?;
        let (added, _) = signed.into_parts();
        let added = added.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(given.chain(added).map(|(name, value)| (name, Secret::new(value))).collect())
    }
}
