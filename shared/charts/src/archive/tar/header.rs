//! The header block of an entry, and the records that PAX adds to it.

use std::ops::Range;

use super::BLOCK;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const SIZE: Range<usize> = 124..136;
const CHECKSUM: Range<usize> = 148..156;
const FLAG: usize = 156;
const TARGET: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..263;
const VERSION: Range<usize> = 263..265;
const PREFIX: Range<usize> = 345..500;
const STAR_PREFIX: Range<usize> = 345..476;
const STAR_MARK: Range<usize> = 508..512;
const GNU_ACCESSED: Range<usize> = 345..357;
const GNU_CHANGED: Range<usize> = 357..369;
/// The bits of a mode that say what kind of file it is.
const TYPE_BITS: u64 = 0o170_000;

/// What a header block says.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) size: u64,
    pub(super) flag: u8,
    /// What kind of file its mode says that it is; mostly none.
    pub(super) type_bits: u64,
}

impl Header {
    /// Reads a block.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        if !has_checksum(block) {
            return Err("has no header");
        }
        let size = number(&block[SIZE]).ok_or("has no size")?;
        let mode = number(&block[MODE]).ok_or("has no mode")?;
        let mut name = text(&block[NAME]);
        let prefix = prefix(block);
        if !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        let target = text(&block[TARGET]);
        Ok(Self { name, target, size, flag: block[FLAG], type_bits: mode & TYPE_BITS })
    }
}

/// What stands before the name where that is too long for its field.
fn prefix(block: &[u8; BLOCK]) -> String {
    match (&block[MAGIC], &block[VERSION]) {
        (b"ustar\0", _) if &block[STAR_MARK] == b"tar\0" => text(&block[STAR_PREFIX]),
        (b"ustar\0", _) => text(&block[PREFIX]),
        // GNU keeps times there. What are no times is a prefix that Go's old writers left.
        (b"ustar ", b" \0") => {
            let is_time = |field: &[u8]| field[0] == 0 || number(field).is_some();
            if is_time(&block[GNU_ACCESSED]) && is_time(&block[GNU_CHANGED]) {
                return String::new();
            }
            let prefix = text(&block[PREFIX]);
            if prefix.is_ascii() { prefix } else { String::new() }
        }
        _ => String::new(),
    }
}

/// The sum of all bytes, the checksum's own taken as spaces. Some old writers took bytes as signed.
fn has_checksum(block: &[u8; BLOCK]) -> bool {
    let Some(expected) = octal(&block[CHECKSUM]) else { return false };
    let byte = |(index, byte): (usize, &u8)| if CHECKSUM.contains(&index) { b' ' } else { *byte };
    let bytes = || block.iter().enumerate().map(byte);
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    i64::try_from(expected).is_ok_and(|expected| expected == unsigned || expected == signed)
}

/// A number: octal, or binary where it is too large for that. None is negative.
fn number(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => {
            let start = Some(u64::from(first & 0x7f));
            rest.iter().fold(start, |number, byte| {
                number?.checked_mul(256).map(|number| number | u64::from(*byte))
            })
        }
        Some(_) | None => octal(field),
    }
    // Whatever is larger is nothing's size.
    .filter(|number| i64::try_from(*number).is_ok())
}

fn octal(field: &[u8]) -> Option<u64> {
    let trimmed = trim(field);
    let digits = trimmed.split(|byte| *byte == 0).next().unwrap_or_default();
    if digits.is_empty() {
        return Some(0);
    }
    let digits = std::str::from_utf8(digits).ok()?;
    let is_octal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    is_octal.then(|| u64::from_str_radix(digits, 8).ok()).flatten()
}

fn trim(field: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| matches!(byte, 0 | b' ');
    let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(start, |last| last + 1);
    &field[start..end]
}

/// A text up to its end.
pub(super) fn text(field: &[u8]) -> String {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The records of PAX: `<length> <key>=<value>\n`, of which the length is that of the whole. `None` where
/// one is none.
pub(super) fn pax_records(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length = std::str::from_utf8(&bytes[..space]).ok()?.parse::<usize>().ok()?;
        let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        // Go bars NUL from what is text, and from the keys of all else.
        let barred = match key {
            b"path" | b"linkpath" | b"uname" | b"gname" => value,
            key => key,
        };
        if key.is_empty() || barred.contains(&0) {
            return None;
        }
        let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
        records.push((lossy(key), lossy(value)));
        bytes = &bytes[length..];
    }
    Some(records)
}
