//! What is attached to a tag's content and comes along: signatures, SBOMs, attestations.

mod closure;
mod costs;
mod fallback_tags;
mod large;
mod old_tags;
mod refusals;
pub(crate) mod world;
