//! Archives put together byte by byte, right ones and others.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A tar that is being put together.
#[derive(Default)]
pub(super) struct Build(pub(super) Vec<u8>);

/// A header block, valid but for what is changed in it.
pub(super) fn header(name: &str, flag: u8, size: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    signed(block)
}

/// A header block with the checksum that it should have.
pub(super) fn signed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

impl Build {
    /// Adds a block as it is.
    pub(super) fn block(mut self, block: &[u8; 512]) -> Self {
        self.0.extend(block);
        self
    }

    /// Adds bytes and what fills their last block.
    pub(super) fn data(mut self, data: &[u8]) -> Self {
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds a file.
    pub(super) fn file(self, name: &str, data: &str) -> Self {
        self.entry(name, b'0', data)
    }

    /// Adds an entry with data.
    pub(super) fn entry(self, name: &str, flag: u8, data: &str) -> Self {
        self.block(&header(name, flag, data.len())).data(data.as_bytes())
    }

    /// Adds a link.
    pub(super) fn link(self, name: &str, flag: u8, target: &str) -> Self {
        let mut block = header(name, flag, 0);
        block[157..157 + target.len()].copy_from_slice(target.as_bytes());
        self.block(&signed(block))
    }

    /// Adds what PAX says of the next entry.
    pub(super) fn pax(self, key: &str, value: &str) -> Self {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while format!("{length}").len() + rest.len() != length {
            length += 1;
        }
        self.entry("pax", b'x', &format!("{length}{rest}"))
    }

    /// Ends the tar and packs it.
    pub(super) fn packed(self) -> Vec<u8> {
        gzip(&self.data(&[0; 1024]).0)
    }
}

/// Packs bytes.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
