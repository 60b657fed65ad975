//! Batches: how records of the log are kept, many to a message.

use std::io::Read as _;

use prost::Message as _;

use crate::path::At;
use crate::record::{Record, record_from, record_to};
use crate::{Invalid, wire};

/// The most that a batch may hold, uncompressed: far more than the largest submission, and little
/// enough that a few of them at once are no burden.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// zstd's fastest regular level: batches are small and many.
const LEVEL: i32 = 1;

/// Windows of up to 16 MiB, as much as a batch may hold; levels like ours use far less.
const MAX_WINDOW_LOG: u32 = 24;

/// Writes a batch: compressed.
///
/// # Panics
/// Where a name or an entry is of a layout on disk: [`crate::tag_from`] and
/// [`crate::submitted_from`], from which they come, make none.
pub fn encode_batch(records: &[Record]) -> Vec<u8> {
    let records = records.iter().map(record_to).collect();
    compress(&wire::log::v1::Batch { records }.encode_to_vec())
}

/// Returns what a record takes in a batch, before that is compressed.
///
/// # Panics
/// As [`encode_batch`].
pub fn record_bytes(record: &Record) -> usize {
    let size = record_to(record).encoded_len();
    size + prost::length_delimiter_len(size) + 1
}

/// Reads a batch.
///
/// # Errors
/// [`Invalid`] names the field, as in `records[2].row.status`; [`Invalid::Value`] of `records[2]` itself
/// for a kind of record that this version does not know; [`Invalid::TooLarge`] for a batch that would
/// take more than 16 MiB.
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<Record>, Invalid> {
    let invalid = || Invalid::Bytes { message: "batch" };
    let plain = decompress(bytes).ok().ok_or_else(invalid)?;
    if plain.len() > MAX_BATCH_BYTES {
        let field = "batch".to_owned();
        return Err(Invalid::TooLarge { field, size: plain.len(), most: MAX_BATCH_BYTES });
    }
    let batch = wire::log::v1::Batch::decode(plain.as_slice()).ok().ok_or_else(invalid)?;
    let records = batch.records.into_iter().enumerate();
    records.map(|(index, record)| record_from(record).at_item("records", index)).collect()
}

/// Compresses what is in memory.
#[expect(clippy::expect_used, reason = "into memory, zstd fails only where there is none")]
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, LEVEL).expect("zstd has memory")
}

/// Reads one byte more than is allowed, and no further.
fn decompress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(bytes)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    let mut plain = Vec::new();
    decoder.take(MAX_BATCH_BYTES as u64 + 1).read_to_end(&mut plain)?;
    Ok(plain)
}
