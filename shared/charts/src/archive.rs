//! A chart's archive: read from its first byte to its last before anything of it is published.
//!
//! Nothing is ever unpacked to a disk. Of all that is in it, Chart.yaml and requirements.yaml of the
//! chart's own folder are kept; everything else is judged by its name and passed over. What two readers
//! could take for two things is refused (threats S11, S12).

mod path;
mod tar;
#[cfg(test)]
mod tests;
mod unpacked;

use std::io;

use self::path::Place;
use self::tar::{Entry, Kind, Tar};
use self::unpacked::Unpacked;
pub(crate) use self::unpacked::begins;

/// The largest archive that is fetched: charts are text, and the largest known have some megabytes.
pub const MAX_ARCHIVE_BYTES: u64 = 100 << 20;
/// What an archive may come to unpacked.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;
/// How many times its own size an archive may come to, once it is more than [`FREE_BYTES`]: text that
/// repeats itself is packed to a twentieth, deflate's best is a thousandth.
const MAX_RATIO: u64 = 200;
/// What any archive may come to: the smallest are mostly padding.
const FREE_BYTES: u64 = 10 << 20;
/// Files, folders and all else: the largest known charts have some hundred.
const MAX_ENTRIES: usize = 10_000;
/// What is read of one file.
const MAX_FILE_BYTES: u64 = 10 << 20;

/// The files of an archive that say what chart it is.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) chart: Vec<u8>,
    pub(crate) requirements: Option<Vec<u8>>,
}

/// Why an archive is no chart's, or not one that may be published.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is something else.
    #[error("it is no gzip{hint}")]
    NotGzip {
        /// What it looks like.
        hint: &'static str,
    },
    /// It ends before its end.
    #[error("it is cut off")]
    Truncated,
    /// It does not unpack.
    #[error("it does not unpack")]
    Corrupt(#[source] io::Error),
    /// It is no tar, or one that two readers could read differently.
    #[error("entry {entry} of its tar {reason}")]
    Tar {
        /// Which one, from 1.
        entry: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Something follows after its end that is no other part of it.
    #[error("something follows after the end of its gzip")]
    TrailingGzip,
    /// Something follows after the end of its tar.
    #[error("something follows after the end of its tar")]
    Trailing,
    /// It comes to more than any chart.
    #[error("it unpacks to more than {} MiB", MAX_UNPACKED_BYTES >> 20)]
    TooLarge,
    /// It comes to far more than its own size.
    #[error("it unpacks to more than {MAX_RATIO} times its size")]
    Bomb,
    /// It has more entries than any chart.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
    /// A file that is read is too large to be.
    #[error("its {file} is larger than {} MiB", MAX_FILE_BYTES >> 20)]
    FileTooLarge {
        /// The file.
        file: &'static str,
    },
    /// A path that no chart needs.
    #[error("its path `{path}` {reason}")]
    Path {
        /// The start of the path, escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file that is read is a link or worse.
    #[error("its {file} is no file, but {kind}")]
    NotAFile {
        /// The file.
        file: &'static str,
        /// What it is.
        kind: &'static str,
    },
    /// It has a file twice that it may have once.
    #[error("it has two {file}")]
    Twice {
        /// The file.
        file: &'static str,
    },
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has no Chart.yaml where that belongs.
    #[error("it has no Chart.yaml in its top folder")]
    NoChart,
}

/// How much of an archive's start says what it is: a tar has its mark there.
pub(crate) const START_BYTES: usize = 262;

/// Reads an archive whole.
///
/// # Errors
/// See [`ArchiveError`]. Takes as long as unpacking up to 1 GiB: not for a thread that others wait for.
pub(crate) fn read(archive: &[u8]) -> Result<Contents, ArchiveError> {
    let mut tar = Tar::new(Unpacked::new(archive)?);
    let mut reading = Reading::default();
    while let Some(entry) = tar.next()? {
        reading.entry(&mut tar, &entry)?;
    }
    tar.end()?;
    let Reading { entries, chart, requirements } = reading;
    match chart {
        Some(chart) => Ok(Contents { chart, requirements }),
        None if entries == 0 => Err(ArchiveError::Empty),
        None => Err(ArchiveError::NoChart),
    }
}

#[derive(Default)]
struct Reading {
    entries: usize,
    chart: Option<Vec<u8>>,
    requirements: Option<Vec<u8>>,
}

impl Reading {
    fn entry(&mut self, tar: &mut Tar<'_>, entry: &Entry) -> Result<(), ArchiveError> {
        self.entries += 1;
        let place = path::judge(entry)?;
        let (file, slot) = match place {
            Place::Chart => ("Chart.yaml", &mut self.chart),
            Place::Requirements => ("requirements.yaml", &mut self.requirements),
            Place::Elsewhere => return tar.skip(entry.size),
        };
        if entry.kind != Kind::File {
            return Err(ArchiveError::NotAFile { file, kind: entry.kind.as_str() });
        }
        if slot.is_some() {
            return Err(ArchiveError::Twice { file });
        }
        if entry.size > MAX_FILE_BYTES {
            return Err(ArchiveError::FileTooLarge { file });
        }
        *slot = Some(tar.read(entry.size)?);
        Ok(())
    }
}
