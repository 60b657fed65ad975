//! An index in YAML.

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, options};

use super::IndexError;
use super::step::Step;
use super::walk::Walk;
use crate::yaml::sentence;

/// Walks through the first document.
pub(super) fn read(text: &[u8], walk: &mut Walk<'_>) -> Result<(), IndexError> {
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let options = options! { emit_comments: false };
    for parsed in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            parsed.map_err(|error| fault(*error.marker(), sentence(&error.info())))?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's, and to grow")]
        let step = match event {
            Event::Scalar(text, style, ..) => {
                Step::Scalar { text, is_plain: style == ScalarStyle::Plain }
            }
            Event::MappingStart(..) => Step::MapStart,
            Event::MappingEnd => Step::MapEnd,
            Event::SequenceStart(..) => Step::ListStart,
            Event::SequenceEnd => Step::ListEnd,
            Event::Alias(_) => return Err(fault(span.start, "an index has no aliases")),
            Event::DocumentEnd => break,
            _ => continue,
        };
        walk.step(step).map_err(|reason| fault(span.start, reason))?;
    }
    Ok(())
}

fn fault(at: Marker, reason: impl Into<String>) -> IndexError {
    IndexError::Malformed { line: at.line().max(1), column: at.col() + 1, reason: reason.into() }
}

fn not_utf8(text: &[u8], at: usize) -> IndexError {
    let line = text[..at].split(|byte| *byte == b'\n').count();
    let column = text[..at].rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
    IndexError::Malformed { line, column, reason: "it is not UTF-8".to_owned() }
}
