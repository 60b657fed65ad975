//! What may be wrong with a message.

/// A message that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The bytes are no such message.
    #[error("the bytes are no {message}")]
    Bytes {
        /// The message's name.
        message: &'static str,
    },
    /// Something that is needed is absent or unspecified.
    #[error("{field} is absent")]
    Absent {
        /// The field's path, as in `job.destination.tag`.
        field: String,
    },
    /// A value is none that this version understands.
    #[error("{field} is not understood: {reason}")]
    Value {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than the protocol allows.
    #[error("{field} has {size} bytes, {most} are allowed")]
    TooLarge {
        /// The message or field.
        field: String,
        /// How many it has.
        size: usize,
        /// How many it may have.
        most: usize,
    },
    /// A job to which more is attached than a job may carry.
    #[error(
        "{referrers} referrers make a job of {size} bytes, and a fleet carries jobs of at most {most}: \
         mirror it without includeReferrers, or in process (without --coordinator)"
    )]
    TooMuchAttached {
        /// How many are attached.
        referrers: usize,
        /// How many bytes it has.
        size: usize,
        /// How many it may have.
        most: usize,
    },
    /// Something that does not travel: a layout on disk is of one machine.
    #[error("{field} is a layout on disk, which a fleet cannot reach")]
    Layout {
        /// The field's path.
        field: String,
    },
}
