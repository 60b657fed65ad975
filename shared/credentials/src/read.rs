//! Reads a small regular file whole, within a bound.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// How files are opened: so that a pipe or a terminal neither blocks nor becomes ours.
pub(crate) const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// A folder, a pipe, a device.
    NotAFile,
    /// More bytes than the bound.
    TooLarge,
    /// The system's answer.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads all of `file`, which must be a regular file of at most `limit` bytes. Blocks.
pub(crate) fn read_regular(file: OwnedFd, limit: usize) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let file = File::from(file);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    // Room for all of it at once: a buffer that grows leaves copies of its content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.min(limit).saturating_add(1)));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

/// Reads a file that the environment names; says why not, and quotes nothing of it.
#[cfg(any(feature = "azure", feature = "gcp"))]
pub(crate) async fn environment_file(
    path: &str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let opened = path.to_owned();
    let reading = move || {
        let file = rustix::fs::open(opened.as_str(), OPEN, rustix::fs::Mode::empty());
        read_regular(file.map_err(io::Error::from)?, limit)
    };
    // A reader that is lost is one whose runtime ends.
    let read = tokio::task::spawn_blocking(reading).await;
    let why = match read.unwrap_or_else(|lost| Err(ReadError::Io(io::Error::other(lost)))) {
        Ok(bytes) => return Ok(bytes),
        Err(ReadError::NotAFile) => "it is no file".to_owned(),
        Err(ReadError::TooLarge) => format!("it is larger than {limit} bytes"),
        Err(ReadError::Io(error)) => error.to_string(),
    };
    Err(format!("cannot read {path} ({why})"))
}
