//! Writing a name that points to one digest: asked for, looked at again where that is due, written.

use std::sync::Arc;

use mirror_model::{Seen, SkipReason, Stage, Status};
use mirror_oci::{Manifest, TagRef};
use mirror_registry::RegistryError;
use mirror_transport::{TransportError, Validity};

use crate::Verdict;
use crate::attempt::{Attempt, Done};
use crate::cause::{At, Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide_grown};

/// A permission that is over before it could be used is asked for anew so often; then the attempt has
/// failed.
pub(crate) const MOST_ASKS: usize = 8;

/// A name that is to point to a manifest, whose content is all there.
pub(crate) struct Value<'v> {
    pub(crate) name: &'v TagRef,
    pub(crate) root: &'v Arc<Manifest>,
    /// All that was first seen under the name is part of the manifest.
    pub(crate) is_grown: bool,
}

impl Attempt {
    /// Writes a name that held `seen` when the run first looked, if it may be written.
    pub(crate) async fn write(&self, value: &Value<'_>, seen: Seen) -> Result<Done, StageError> {
        for _ in 0..MOST_ASKS {
            let verdict = {
                let _waiting = self.copying.budget.wait();
                self.commits.commit(value.name, seen).await
            };
            match verdict {
                Verdict::Go { seen, look, validity } => {
                    if let Some(done) = self.put_name(value, seen, look, validity).await? {
                        return Ok(done);
                    }
                }
                Verdict::Superseded => return Ok(Done::Settled(Status::Drifted)),
                Verdict::Done(outcome) => return Ok(Done::Elsewhere(outcome)),
                Verdict::Drop => return Ok(Done::Dropped),
            }
        }
        Err(Cause::Late).at(Stage::Tag)
    }

    /// Writes the name, after a look where one is due; `None` where the permission ended before.
    async fn put_name(
        &self,
        value: &Value<'_>,
        first: Seen,
        look: bool,
        validity: Option<Validity>,
    ) -> Result<Option<Done>, StageError> {
        let Copying { destination, engine, .. } = &*self.copying;
        let Value { name, root, .. } = value;
        let now = if look { destination.see(&name.tag).await.at(Stage::Compare)? } else { first };
        let status = match self.decide(value, first, now) {
            Decision::Leave(status) => return Ok(Some(Done::Settled(status))),
            Decision::Write(status) => status,
        };
        if validity.is_some_and(|validity| validity.remaining().is_zero()) {
            return Ok(None);
        }
        match destination.set_tag(&name.tag, root, validity).await {
            Ok(()) => {
                engine.known.add(&name.place, root.descriptor.digest);
                self.copying.pushed(root);
                Ok(Some(Done::Settled(status)))
            }
            Err(Cause::Registry(RegistryError::Transport(TransportError::Expired { .. }))) => {
                Ok(None)
            }
            Err(Cause::Registry(error)) if error.is_immutable_tag() => {
                self.immutable(value, first, error.into()).await.map(Some)
            }
            Err(cause) => Err(cause).at(Stage::Tag),
        }
    }

    fn decide(&self, value: &Value<'_>, first: Seen, now: Seen) -> Decision {
        let (wanted, policy) = (value.root.descriptor.digest, self.copying.job.policy);
        decide_grown(first, now, wanted, policy, value.is_grown)
    }

    /// The registry says that the tag is immutable: whatever stands there decides, and it is not tried
    /// again.
    async fn immutable(
        &self,
        value: &Value<'_>,
        first: Seen,
        cause: Cause,
    ) -> Result<Done, StageError> {
        let Copying { job, destination, .. } = &*self.copying;
        let wanted = value.root.descriptor.digest;
        let now = destination.see(&value.name.tag).await.at(Stage::Compare)?;
        match (now, self.decide(value, first, now)) {
            (Seen::Present(present), Decision::Leave(status)) if present == wanted => {
                Ok(Done::Settled(status))
            }
            (Seen::Present(present), Decision::Write(_)) if present == wanted => {
                Ok(Done::Settled(Status::Skipped(SkipReason::UpToDate)))
            }
            (Seen::Present(_), _) if !job.policy.overwrite => Ok(Done::Settled(Status::Drifted)),
            (Seen::Present(_), _) => {
                Err(Cause::Immutable { source: Box::new(cause) }).at(Stage::Tag)
            }
            // Nothing stands there: it was refused for another reason.
            (Seen::Absent | Seen::Unknown, _) => Err(cause).at(Stage::Tag),
        }
    }
}
