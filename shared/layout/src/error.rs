//! Why a layout could not be read or written.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_oci::{Digest, InvalidManifest, Mismatch, Tag};

/// Why a layout could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is no folder, or no layout in it.
    #[error("{} is no OCI image layout", path.display())]
    NoLayout {
        /// The folder.
        path: PathBuf,
    },
    /// A layout of a major version that is newer than this program.
    #[error("{} is a layout of version `{}`, which is not known", path.display(), version.escape_default())]
    Version {
        /// The folder.
        path: PathBuf,
        /// The start of the version.
        version: String,
    },
    /// The layout does not hold the content.
    #[error("{digest} is not in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The content.
        digest: Digest,
    },
    /// A link, a pipe or the like stands where a file or folder of the layout should.
    #[error("{} is not the file or folder that belongs there (links are not followed)", path.display())]
    Irregular {
        /// What was to be opened.
        path: PathBuf,
    },
    /// Larger than what is read.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read of it.
        limit: u64,
    },
    /// `oci-layout` or `index.json` is not of the expected form.
    #[error("cannot understand {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Entries of `index.json` give one tag several digests: readers take one or the other.
    #[error("{} gives tag {tag} more than one digest", path.display())]
    Ambiguous {
        /// `index.json`.
        path: PathBuf,
        /// The tag.
        tag: Tag,
    },
    /// The tag is there, but its digest is neither sha256 nor sha512.
    #[error("{} gives tag {tag} no sha256 or sha512 digest", path.display())]
    NoDigest {
        /// `index.json`.
        path: PathBuf,
        /// The tag.
        tag: Tag,
    },
    /// Content is not what its name or its descriptor says.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Mismatch,
    },
    /// A manifest that is not to be copied.
    #[error("{} is no manifest that can be copied", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidManifest,
    },
    /// More is attached to one manifest than anybody attaches.
    #[error("{} has more than {most} {what} of {subject}", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// What they refer to.
        subject: Digest,
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// Others write, and do not come to an end.
    #[error("{} was held by others for {waited:?}", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The disk says no.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LayoutError {
    /// Returns whether there is no layout at all: of a destination, this says that it is empty.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NoLayout { .. })
    }

    /// Returns whether what was asked for is not there, and trying again does not bring it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NoLayout { .. } | Self::Missing { .. })
    }

    /// Says what was to be done when the system said no.
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
        source: impl Into<io::Error>,
    ) -> LayoutError {
        Self::Io { action, path: path.to_owned(), source: source.into() }
    }
}

/// Why a blob could not be put into a layout.
#[derive(Debug, thiserror::Error)]
pub enum PutError<E> {
    /// The bytes did not come, or were not the right ones.
    #[error(transparent)]
    Source(E),
    /// The layout could not take them.
    #[error(transparent)]
    Layout(LayoutError),
}

impl<E> From<LayoutError> for PutError<E> {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}
