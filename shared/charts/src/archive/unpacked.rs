//! What comes out of a gzip, within bounds, and checked to its end.

use std::io::{self, Read as _};

use flate2::bufread::GzDecoder;

use super::{ArchiveError, FREE_BYTES, MAX_RATIO, MAX_UNPACKED_BYTES};

/// How a gzip begins.
const MARK: &[u8] = b"\x1f\x8b";

/// The unpacked bytes of an archive.
pub(super) struct Unpacked<'a> {
    /// Of one part; an archive may come in several, one behind the other.
    decoder: GzDecoder<&'a [u8]>,
    /// How many have come.
    passed: u64,
    /// How many times its size the archive may come to, in bytes.
    most: u64,
}

impl<'a> Unpacked<'a> {
    pub(super) fn new(archive: &'a [u8]) -> Result<Self, ArchiveError> {
        begins(archive)?;
        let most = (archive.len() as u64).saturating_mul(MAX_RATIO).max(FREE_BYTES);
        Ok(Self { decoder: GzDecoder::new(archive), passed: 0, most })
    }

    /// Fills `buffer` as far as there is anything; returns how far that was.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.decoder.read(&mut buffer[filled..]) {
                Ok(0) => {
                    let rest = *self.decoder.get_ref();
                    if rest.is_empty() {
                        break;
                    }
                    if !rest.starts_with(MARK) {
                        return Err(ArchiveError::TrailingGzip);
                    }
                    self.decoder.reset(rest);
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ArchiveError::Truncated);
                }
                Err(error) => return Err(ArchiveError::Corrupt(error)),
            }
        }
        self.passed += filled as u64;
        if self.passed > MAX_UNPACKED_BYTES {
            return Err(ArchiveError::TooLarge);
        }
        if self.passed > self.most {
            return Err(ArchiveError::Bomb);
        }
        Ok(filled)
    }
}

/// Judges by its start whether something could be packed.
pub(crate) fn begins(start: &[u8]) -> Result<(), ArchiveError> {
    if start.is_empty() {
        return Err(ArchiveError::Empty);
    }
    if !start.starts_with(MARK) {
        return Err(ArchiveError::NotGzip { hint: hint(start) });
    }
    Ok(())
}

/// Says what a body looks like that is no gzip.
fn hint(archive: &[u8]) -> &'static str {
    let start = archive.trim_ascii_start();
    if start.starts_with(b"<") {
        ", but looks like a web page"
    } else if start.starts_with(b"{") {
        ", but looks like JSON"
    } else if archive.get(257..262) == Some(b"ustar") {
        ", but a tar: something on the way has unpacked it"
    } else if archive.starts_with(b"PK\x03\x04") {
        ", but a zip"
    } else {
        ""
    }
}
