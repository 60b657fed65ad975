//! In place of the library, in a program that was built without it: nothing can be judged.

use std::sync::Arc;
use std::time::SystemTime;

use mirror_model::Identity;
use mirror_oci::Digest;

use crate::{Evidence, Refusal, Signature, TrustError, TrustSource};

/// The trusted root, which there is not.
#[derive(Debug)]
pub struct Trust;

/// Decides about evidence. There is none.
#[derive(Debug)]
pub enum Verifier {}

impl Trust {
    /// Nothing will be read.
    pub fn new(_: TrustSource, _: reqwest::Client, _: fn() -> SystemTime) -> Self {
        Self
    }

    /// Says that there is no verifier.
    ///
    /// # Errors
    ///
    /// [`TrustError::Absent`].
    #[expect(clippy::unused_async, reason = "it is, where the library is there")]
    pub async fn verifier(&self) -> Result<Arc<Verifier>, TrustError> {
        Err(TrustError::Absent)
    }

    /// There is nothing to know of a root that was not read.
    pub fn warning(&self) -> Option<String> {
        None
    }
}

impl Verifier {
    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// None: there is no verifier.
    pub fn verify(
        &self,
        _: &Digest,
        _: &Evidence,
        _: &[Identity],
        _: SystemTime,
    ) -> Result<Signature, Refusal> {
        match *self {}
    }
}
