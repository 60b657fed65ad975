//! How a run goes about its entries, and what its jobs may use.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mirror_model::{Limits, RunOptions};

use crate::Invalid;
use crate::path::{At, needed};
use crate::text::{index_from, index_to, nanos_to};
use crate::wire::job::v1 as wire;

/// What `concurrency` is where a run bounds its copies not at all: what the command line takes where
/// nobody says (`--concurrency`, sync.md). It bounds what planning does at once, never the workers.
pub const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

/// What `blobs` is where nobody says: as many as tags, by the same flag.
const DEFAULT_BLOBS: NonZeroU32 = NonZeroU32::new(4).expect("four is not zero");

/// Writes options; `jobs` are the copies of the run under way at once, where they are bounded.
pub fn options_to(options: &RunOptions, jobs: Option<NonZeroUsize>) -> wire::RunOptions {
    wire::RunOptions {
        overwrite: options.overwrite,
        dry_run: options.dry_run,
        concurrency: jobs.map_or(0, |jobs| index_to(jobs.get())),
        limits: Some(limits_to(options.limits)),
    }
}

/// Reads options, and how many copies may be under way at once, where that is bounded.
///
/// # Errors
/// [`Invalid`] names the field, below `options`.
pub fn options_from(
    options: Option<wire::RunOptions>,
) -> Result<(RunOptions, Option<NonZeroUsize>), Invalid> {
    let read = |options: wire::RunOptions| {
        let jobs = NonZeroUsize::new(index_from(options.concurrency));
        let options = RunOptions {
            overwrite: options.overwrite,
            dry_run: options.dry_run,
            concurrency: jobs.unwrap_or(DEFAULT_CONCURRENCY),
            limits: limits_from(options.limits)?,
        };
        Ok((options, jobs))
    };
    needed(options).and_then(read).at("options")
}

pub(crate) fn limits_to(limits: Limits) -> wire::Limits {
    wire::Limits {
        attempts: limits.attempts.get(),
        timeout_nanos: nanos_to(limits.timeout),
        blobs: limits.blobs.get(),
    }
}

pub(crate) fn limits_from(limits: Option<wire::Limits>) -> Result<Limits, Invalid> {
    let read = |limits: wire::Limits| {
        let attempts = needed(NonZeroU32::new(limits.attempts)).at("attempts")?;
        let nanos = needed((limits.timeout_nanos > 0).then_some(limits.timeout_nanos));
        let timeout = Duration::from_nanos(nanos.at("timeout_nanos")?);
        Ok(Limits {
            attempts,
            timeout,
            blobs: NonZeroU32::new(limits.blobs).unwrap_or(DEFAULT_BLOBS),
        })
    };
    needed(limits).and_then(read).at("limits")
}
