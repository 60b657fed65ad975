//! A tar's entries, as Go's `archive/tar` finds them: whoever installs the chart reads it by that.
//!
//! Headers of the old format, ustar, star, GNU and PAX. Sparse files, and whatever kind of entry has no
//! place in a chart, are refused.

use super::unpacked::Unpacked;
use super::{ArchiveError, MAX_ENTRIES};

mod header;

use header::{Header, pax_records, text};

/// Everything in a tar comes in blocks of this size.
const BLOCK: usize = 512;
/// What a header may say by an entry of its own, as in Go.
const MAX_SPECIAL_BYTES: u64 = 1 << 20;
/// What is passed over at once.
const SKIP_BYTES: usize = 64 << 10;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    SymbolicLink,
    HardLink,
    /// A device or a pipe.
    Device,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::SymbolicLink => "a symbolic link",
            Self::HardLink => "a hard link",
            Self::Device => "a device",
        }
    }
}

/// An entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where a link leads.
    pub(super) target: String,
    /// How many bytes follow.
    pub(super) size: u64,
}

/// What entries of their own say of the next one.
#[derive(Default, PartialEq)]
struct Said {
    name: Option<String>,
    target: Option<String>,
    size: Option<u64>,
    /// GNU's names come before those of PAX.
    gnu_name: Option<String>,
    gnu_target: Option<String>,
}

/// The entries of a tar.
pub(super) struct Tar<'a> {
    unpacked: Unpacked<'a>,
    entries: usize,
}

impl<'a> Tar<'a> {
    pub(super) fn new(unpacked: Unpacked<'a>) -> Self {
        Self { unpacked, entries: 0 }
    }

    /// Returns the next entry; its bytes have to be read or skipped before the one after it.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        let mut said = Said::default();
        while let Some(header) = self.header()? {
            match header.flag {
                b'x' => {
                    let records = self.special(header.size)?;
                    self.take_pax(&mut said, &records)?;
                }
                // Says something of all entries to come, which Go does not heed. But Go forgets there
                // what was said of the next one.
                b'g' if said != Said::default() => {
                    return Err(self.fault("stands between another and what says something of it"));
                }
                b'g' => {
                    self.special(header.size)?;
                }
                b'L' => said.gnu_name = self.long_text(header.size)?,
                b'K' => said.gnu_target = self.long_text(header.size)?,
                _ => return self.entry(header, said).map(Some),
            }
        }
        Ok(None)
    }

    /// Reads the bytes of an entry.
    pub(super) fn read(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let length = usize::try_from(size).ok().ok_or_else(|| self.fault("has no size"))?;
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        self.skip_padding(size)?;
        Ok(bytes)
    }

    /// Passes over the bytes of an entry.
    pub(super) fn skip(&mut self, size: u64) -> Result<(), ArchiveError> {
        let mut buffer = vec![0; SKIP_BYTES];
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).map_or(SKIP_BYTES, |left| left.min(SKIP_BYTES));
            self.fill(&mut buffer[..length])?;
            left -= length as u64;
        }
        self.skip_padding(size)
    }

    /// Reads to the end of the archive, where nothing may follow.
    pub(super) fn end(mut self) -> Result<(), ArchiveError> {
        let mut buffer = vec![0; SKIP_BYTES];
        loop {
            let read = self.unpacked.fill(&mut buffer)?;
            if buffer[..read].iter().any(|byte| *byte != 0) {
                return Err(ArchiveError::Trailing);
            }
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Returns the next header; `None` at two empty blocks, or where the archive ends.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut block = [0; BLOCK];
        if self.block(&mut block)? {
            return Ok(None);
        }
        if block == [0; BLOCK] {
            let is_end = self.block(&mut block)? || block == [0; BLOCK];
            return if is_end { Ok(None) } else { Err(self.fault("follows an empty block")) };
        }
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        Header::parse(&block).map(Some).map_err(|reason| self.fault(reason))
    }

    /// Fills a block; returns whether there is none.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, ArchiveError> {
        match self.unpacked.fill(block)? {
            0 => Ok(true),
            BLOCK => Ok(false),
            _ => Err(ArchiveError::Truncated),
        }
    }

    /// Puts an entry together from its header and what was said of it.
    fn entry(&self, header: Header, said: Said) -> Result<Entry, ArchiveError> {
        let name = said.gnu_name.or(said.name).unwrap_or(header.name);
        let target = said.gnu_target.or(said.target).unwrap_or(header.target);
        let kind = match header.flag {
            // The oldest format has no folders but by their names.
            0 if name.ends_with('/') => Kind::Folder,
            b'0' | b'7' | 0 => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'3' | b'4' | b'6' => Kind::Device,
            b'5' => Kind::Folder,
            b'S' => return Err(self.fault("is a sparse file")),
            _ => return Err(self.fault("is of a kind that no chart has")),
        };
        // Go takes an entry for a folder by these bits too.
        let fits = match header.type_bits {
            0 => true,
            0o040_000 => kind == Kind::Folder,
            0o100_000 => matches!(kind, Kind::File | Kind::HardLink),
            0o120_000 => kind == Kind::SymbolicLink,
            _ => kind == Kind::Device,
        };
        if !fits {
            return Err(self.fault("is of two kinds at once"));
        }
        let size = said.size.unwrap_or(header.size);
        Ok(Entry { name, kind, target, size: if kind == Kind::File { size } else { 0 } })
    }

    fn take_pax(&self, said: &mut Said, records: &[u8]) -> Result<(), ArchiveError> {
        (said.name, said.target, said.size) = (None, None, None);
        let records =
            pax_records(records).ok_or_else(|| self.fault("has records that cannot be read"))?;
        for (key, value) in records {
            match key.as_str() {
                _ if key.starts_with("GNU.sparse.") => return Err(self.fault("is a sparse file")),
                // Nothing takes back what an earlier record said.
                "path" => said.name = Some(value).filter(|name| !name.is_empty()),
                "linkpath" => said.target = Some(value).filter(|target| !target.is_empty()),
                "size" if value.is_empty() => said.size = None,
                "size" => {
                    let size = value.parse().ok().ok_or_else(|| self.fault("has no size"))?;
                    said.size = Some(size);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a name that is too long for a header.
    fn long_text(&mut self, size: u64) -> Result<Option<String>, ArchiveError> {
        Ok(Some(text(&self.special(size)?)).filter(|text| !text.is_empty()))
    }

    /// Reads an entry that says something of another.
    fn special(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_SPECIAL_BYTES {
            return Err(self.fault("says more than 1 MiB of another"));
        }
        self.read(size)
    }

    fn skip_padding(&mut self, size: u64) -> Result<(), ArchiveError> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        match over {
            0 => Ok(()),
            over => self.fill(&mut [0; BLOCK][over..]),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        match self.unpacked.fill(buffer)? {
            filled if filled == buffer.len() => Ok(()),
            _ => Err(ArchiveError::Truncated),
        }
    }

    fn fault(&self, reason: &'static str) -> ArchiveError {
        ArchiveError::Tar { entry: self.entries, reason }
    }
}
