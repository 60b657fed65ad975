//! Events: what a run tells while it goes on. They may be lost; nothing in a report comes from them.

use std::time::Duration;

use mirror_oci::{Digest, MediaType, Tag};

use crate::{EntryIndex, Failure, JobId, Row};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An entry was planned; so many rows will follow.
    EntryPlanned {
        /// The entry.
        entry: EntryIndex,
        /// Its rows.
        rows: usize,
    },
    /// An entry could not be planned.
    EntryFailed {
        /// The entry.
        entry: EntryIndex,
        /// Its source as the config writes it.
        source: String,
        /// Why.
        failure: Failure,
    },
    /// A job begins to copy.
    JobStarted {
        /// The job.
        job: JobId,
        /// `<source>:<id>`, as who executes the job knows it.
        source: String,
        /// `<destination>:<tag>`, likewise.
        destination: String,
    },
    /// A job knows how much it has to send.
    JobSized {
        /// The job.
        job: JobId,
        /// Bytes of the blobs that are not known to be there.
        bytes: u64,
    },
    /// Bytes of a blob went out.
    BytesSent {
        /// The job.
        job: JobId,
        /// How many since the last such event of the job.
        bytes: u64,
    },
    /// A blob is at the destination.
    BlobSettled {
        /// The job.
        job: JobId,
        /// The blob.
        digest: Digest,
        /// How it got there.
        how: BlobOutcome,
    },
    /// A manifest was written.
    ManifestPushed {
        /// The job.
        job: JobId,
        /// The manifest.
        digest: Digest,
        /// What it is.
        media_type: MediaType,
    },
    /// A registry without the referrers API has all that is attached to a subject in its fallback tag.
    FallbackTag {
        /// The job.
        job: JobId,
        /// The fallback tag.
        tag: Tag,
        /// Whether something was added to it; else all was in it.
        updated: bool,
    },
    /// An attempt failed and another will be made.
    JobRetrying {
        /// The job.
        job: JobId,
        /// `<source>:<id>`, as who executes the job knows it.
        source: String,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How long until the next.
        delay: Duration,
        /// Why.
        failure: Failure,
    },
    /// A row is settled. Comes once for each row, in order of ending.
    RowSettled {
        /// The entry.
        entry: EntryIndex,
        /// The job it was, if it was one.
        job: JobId,
        /// The entry's source as the config writes it.
        source: String,
        /// The destination repository as the config writes it.
        destination: String,
        /// The destination tag.
        tag: String,
        /// The row.
        row: Box<Row>,
        /// How long the job worked.
        elapsed: Duration,
    },
    /// Something the user should know.
    Warning(Warning),
}

/// Something the user should know; none of it fails a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Of the run as a whole: its flags, its config, its surroundings.
    Run {
        /// What to know.
        message: String,
    },
    /// Of an entry: it selected nothing, or tags were passed over.
    Entry {
        /// The entry.
        entry: EntryIndex,
        /// Its source as the config writes it.
        source: String,
        /// What to know.
        message: String,
    },
    /// A registry sent a `Warning` header (distribution specification, "Warnings").
    Registry {
        /// The registry.
        host: String,
        /// What it said.
        message: String,
    },
    /// Where the credential of a registry comes from.
    Credential {
        /// The registry.
        host: String,
        /// Its source; nothing of it is secret.
        source: String,
    },
    /// A token comes from another host than the registry.
    TokenRealm {
        /// The registry.
        host: String,
        /// Where its tokens come from.
        realm: String,
    },
}

/// How a blob got to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobOutcome {
    /// It was sent.
    Pushed,
    /// It was there.
    Existing,
    /// The registry linked it from another of its repositories.
    Mounted,
}
