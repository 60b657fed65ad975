//! Writes a document anew for the decoder: the same nodes, one a line, in flow style.
//!
//! A line of the result is a node of the document, so that a line number leads back to where the
//! author wrote it. Scalars that their text does not type are quoted: whatever a variable held, it
//! is one scalar.

use std::fmt::Write;

use super::{Content, CoreTag, Document, Node};

/// What comes next in a collection.
enum Open {
    Mapping(Next),
    Sequence,
}

enum Next {
    Key,
    Value,
}

/// Writes `document`; its nodes are the lines of the result.
pub(super) fn emit(document: &Document) -> String {
    let mut emitter = Emitter { text: String::new(), open: Vec::new(), comma: false };
    for node in &document.nodes {
        emitter.node(node);
        emitter.text.push('\n');
    }
    emitter.text
}

struct Emitter {
    text: String,
    open: Vec<Open>,
    /// Whether something stands before what comes next in its collection.
    comma: bool,
}

impl Emitter {
    fn node(&mut self, node: &Node) {
        // No line begins with what could be a document's marker.
        self.text.push(' ');
        if matches!(node.content, Content::MappingEnd | Content::SequenceEnd) {
            self.open.pop();
        } else {
            self.begin();
            self.properties(node);
        }
        let text = &mut self.text;
        match &node.content {
            Content::Scalar { text: scalar, plain } => push_scalar(text, scalar, *plain),
            Content::Alias(anchor) => {
                // A text takes whatever is written to it, here and below.
                let _ = write!(text, "*a{anchor} ");
            }
            Content::MappingStart => text.push('{'),
            Content::MappingEnd => text.push('}'),
            Content::SequenceStart => text.push('['),
            Content::SequenceEnd => text.push(']'),
        }
        self.comma = true;
        match node.content {
            Content::MappingStart => {
                self.open.push(Open::Mapping(Next::Key));
                self.comma = false;
            }
            Content::SequenceStart => {
                self.open.push(Open::Sequence);
                self.comma = false;
            }
            Content::Scalar { .. }
            | Content::Alias(_)
            | Content::MappingEnd
            | Content::SequenceEnd => {}
        }
    }

    /// Writes what stands before a node in its collection.
    fn begin(&mut self) {
        let comma = if self.comma { ", " } else { "" };
        let text = &mut self.text;
        match self.open.last_mut() {
            Some(Open::Mapping(next @ Next::Key)) => {
                text.push_str(comma);
                text.push_str("? ");
                *next = Next::Value;
            }
            Some(Open::Mapping(next @ Next::Value)) => {
                text.push_str(": ");
                *next = Next::Key;
            }
            Some(Open::Sequence) => text.push_str(comma),
            None => {}
        }
    }

    fn properties(&mut self, node: &Node) {
        let text = &mut self.text;
        if let Some(anchor) = node.anchor {
            let _ = write!(text, "&a{anchor} ");
        }
        text.push_str(match node.tag {
            Some(CoreTag::Bool) => "!!bool ",
            Some(CoreTag::Float) => "!!float ",
            Some(CoreTag::Int) => "!!int ",
            Some(CoreTag::Map) => "!!map ",
            Some(CoreTag::Null) => "!!null ",
            Some(CoreTag::Seq) => "!!seq ",
            Some(CoreTag::Str) => "!!str ",
            // The decoder would take a number in quotes for a number.
            None if is_string(&node.content) => "!!str ",
            None => "",
        });
    }
}

/// Returns whether this is a scalar that its text does not type.
fn is_string(content: &Content) -> bool {
    match content {
        Content::Scalar { text, plain } => !(*plain && is_typed(text)),
        Content::Alias(_)
        | Content::MappingStart
        | Content::MappingEnd
        | Content::SequenceStart
        | Content::SequenceEnd => false,
    }
}

fn push_scalar(text: &mut String, scalar: &str, plain: bool) {
    if plain && scalar.is_empty() {
        text.push('~');
    } else if plain && is_typed(scalar) {
        text.push_str(scalar);
    } else {
        push_quoted(text, scalar);
    }
}

/// Returns whether a plain scalar may be anything but a string: a number, a boolean, nothing, the
/// key of a merge. Such scalars are safe to write as they are; all others are strings.
fn is_typed(scalar: &str) -> bool {
    let is_safe =
        |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '.' | '+' | '-');
    matches!(scalar, "" | "~" | "<<")
        || scalar.chars().all(is_safe)
            && scalar.contains(|next: char| next.is_ascii_alphanumeric())
            && !scalar.starts_with("--")
            && !scalar.starts_with("..")
}

fn push_quoted(text: &mut String, scalar: &str) {
    text.push('"');
    for next in scalar.chars() {
        match next {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            ' '..='~' => text.push(next),
            _ => {
                let _ = write!(text, "\\U{:08X}", u32::from(next));
            }
        }
    }
    text.push('"');
}
