//! Texts and numbers: bounded on both sides of the wire.
//!
//! What is for people to read is cut to fit where it is written; what has a meaning is refused where
//! it is read.

use std::time::Duration;

use crate::Invalid;

/// The longest text: an error with a chain of causes, a URL of 2,048 bytes twice; a page.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Stands for what was cut off.
const ELLIPSIS: &str = "…";

/// Returns `text`, or so much of its beginning that it takes at most `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", text.get(..end).unwrap_or_default())
}

/// Returns `text` as it travels.
pub(crate) fn text_to(text: &str) -> String {
    cut(text, MAX_TEXT_BYTES)
}

/// Reads a text that may be empty.
pub(crate) fn text_from(text: String) -> Result<String, Invalid> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Invalid::TooLarge {
            field: String::new(),
            size: text.len(),
            most: MAX_TEXT_BYTES,
        });
    }
    Ok(text)
}

/// Reads a text that must say something.
pub(crate) fn name_from(text: String) -> Result<String, Invalid> {
    if text.is_empty() { Err(Invalid::absent()) } else { text_from(text) }
}

/// Returns a place in a list as it travels. No list that fits a machine has more than 2^32 items.
pub(crate) fn index_to(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Reads a place in a list.
pub(crate) fn index_from(index: u32) -> usize {
    // usize has at least 32 bits wherever this runs.
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Returns a time as it travels: up to 584 years.
pub(crate) fn nanos_to(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
