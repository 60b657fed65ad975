//! Writing a fallback tag: an index of all that is attached to one subject, whoever attached it.
//!
//! No registry has a lock on it. Whoever keeps order among writers lets in one at a time; others who know
//! nothing of that are met by If-Match, where the registry has it, and by reading back until what was
//! added is there. Entries of others are kept.

use mirror_model::{Event, Seen, Stage, Status};
use mirror_oci::{Digest, Referrer, TagRef};

use crate::Verdict;
use crate::attachments::SetWritten;
use crate::attempt::{Attempt, Done};
use crate::cause::{At, Cause, StageError};
use crate::copy::Copying;
use crate::name::MOST_ASKS;

/// How often what was added is written again because somebody else's writing has removed it: each time
/// he was quicker by a request.
const MOST_ROUNDS: usize = 5;

impl Attempt {
    /// Sees to it that the fallback tag of `subject` has `add`.
    pub(crate) async fn list(
        &self,
        name: &TagRef,
        subject: &Digest,
        add: &[Referrer],
    ) -> Result<Done, StageError> {
        let Copying { engine, budget, destination, .. } = &*self.copying;
        let _claim = {
            let _waiting = budget.wait();
            engine.known.set(name).await
        };
        let (mut rounds, mut updated) = (0, false);
        for _ in 0..MOST_ASKS {
            let verdict = {
                let _waiting = budget.wait();
                self.commits.commit(name, Seen::Unknown).await
            };
            let validity = match verdict {
                Verdict::Go { validity, .. } => validity,
                Verdict::Done(outcome) => return Ok(Done::Elsewhere(outcome)),
                // Nobody supersedes a set: whoever says so does not know what it is.
                Verdict::Superseded | Verdict::Drop => return Ok(Done::Dropped),
            };
            loop {
                let added = destination.add_to_set(subject, add, validity).await;
                let overtaken = match added.at(Stage::Referrers)? {
                    SetWritten::Whole => {
                        self.tell(name, updated);
                        return Ok(Done::Settled(Status::Copied));
                    }
                    // Read back: what was written last counts.
                    SetWritten::Written => None,
                    SetWritten::Overtaken(error) => Some(error),
                    SetWritten::Late => break,
                };
                updated |= overtaken.is_none();
                rounds += 1;
                if rounds > MOST_ROUNDS {
                    // Where it is never written, it is the registry that does not let it be.
                    let cause = match overtaken {
                        Some(error) if !updated => Cause::from(*error),
                        Some(_) | None => Cause::Overtaken { tag: name.tag.clone() },
                    };
                    return Err(cause).at(Stage::Referrers);
                }
            }
        }
        Err(Cause::Late).at(Stage::Referrers)
    }

    fn tell(&self, name: &TagRef, updated: bool) {
        let Copying { job, observer, .. } = &*self.copying;
        observer.observe(Event::FallbackTag { job: job.id, tag: name.tag.clone(), updated });
    }
}
