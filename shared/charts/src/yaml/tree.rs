//! The first document of a text as a value: parser events put together, within bounds.

use std::collections::{BTreeMap, HashMap};

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag, options};

use super::scalar::{self, resolve, resolve_as};
use super::{Value, YamlError, number};

/// Mappings and sequences in each other: a chart's metadata needs five.
const MAX_DEPTH: usize = 64;
/// What a document may weigh in memory, aliases followed: a file that is read has 10 MiB at most, and
/// real ones some kilobytes.
const MAX_WEIGHT: usize = 32 << 20;
/// What YAML's own tags begin with.
const NAMESPACE: &str = "tag:yaml.org,2002:";
/// What a value weighs beside its text.
const NODE_WEIGHT: usize = 32;

/// Reads the first document.
pub(super) fn read(text: &[u8]) -> Result<Value, YamlError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let options = options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    let mut builder = Builder::default();
    for parsed in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            parsed.map_err(|error| fault(*error.marker(), sentence(&error.info())))?;
        if let Event::DocumentEnd = event {
            break;
        }
        builder.take(event, span)?;
    }
    Ok(builder.root.map_or(Value::Null, |(value, _)| value))
}

/// A collection that is open.
enum Open {
    List { anchor: usize, items: Vec<Value>, weight: usize },
    Map { anchor: usize, entries: BTreeMap<String, Value>, key: Option<Key>, weight: usize },
}

/// What the next value belongs to.
enum Key {
    Field(String),
    /// `<<`: its entries belong here.
    Merge,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<(Value, usize)>,
    /// What aliases may repeat, with its weight.
    anchors: HashMap<usize, (Value, usize)>,
    weight: usize,
}

impl Builder {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's, and to grow")]
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let at = span.start;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if is_plain && text == "<<" && tag.is_none() && self.wants_key() {
                    self.set_key(Key::Merge);
                    return Ok(());
                }
                let value = scalar_value(&text, is_plain, tag.as_deref())
                    .ok_or_else(|| fault(at, "the tag does not fit this scalar"))?;
                let weight = NODE_WEIGHT + text.len();
                self.weigh(weight, at)?;
                self.place(value, weight, anchor, at)
            }
            Event::Alias(anchor) => {
                let Some((value, weight)) = self.anchors.get(&anchor) else {
                    return Err(fault(at, "this alias stands inside what it repeats"));
                };
                let weight = *weight;
                let value = value.clone();
                self.weigh(weight, at)?;
                self.place(value, weight, 0, at)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(Open::List { anchor, items: Vec::new(), weight: NODE_WEIGHT }, at)
            }
            Event::MappingStart(_, anchor, _) => {
                let entries = BTreeMap::new();
                self.open(Open::Map { anchor, entries, key: None, weight: NODE_WEIGHT }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            _ => Ok(()),
        }
    }

    fn open(&mut self, collection: Open, at: Marker) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fault(at, format!("nested more than {MAX_DEPTH} deep")));
        }
        if self.wants_key() {
            return Err(fault(at, "a key is no text"));
        }
        self.weigh(NODE_WEIGHT, at)?;
        self.open.push(collection);
        Ok(())
    }

    fn close(&mut self, at: Marker) -> Result<(), YamlError> {
        match self.open.pop() {
            Some(Open::List { anchor, items, weight }) => {
                self.place(Value::List(items), weight, anchor, at)
            }
            Some(Open::Map { anchor, entries, weight, .. }) => {
                self.place(Value::Map(entries), weight, anchor, at)
            }
            None => Ok(()),
        }
    }

    /// Puts a value where it belongs; `weight` is that of all that is in it.
    fn place(
        &mut self,
        value: Value,
        weight: usize,
        anchor: usize,
        at: Marker,
    ) -> Result<(), YamlError> {
        if anchor != 0 {
            self.weigh(weight, at)?;
            self.anchors.insert(anchor, (value.clone(), weight));
        }
        match self.open.last_mut() {
            None => self.root = Some((value, weight)),
            Some(Open::List { items, weight: all, .. }) => {
                items.push(value);
                *all = all.saturating_add(weight);
            }
            Some(Open::Map { entries, key, weight: all, .. }) => {
                *all = all.saturating_add(weight);
                match key.take() {
                    None => *key = Some(Key::Field(key_text(value).map_err(|why| fault(at, why))?)),
                    Some(Key::Merge) => merge(entries, value).map_err(|why| fault(at, why))?,
                    Some(Key::Field(name)) => {
                        entries.insert(name, value);
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts what has come, or is repeated.
    fn weigh(&mut self, weight: usize, at: Marker) -> Result<(), YamlError> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_WEIGHT {
            let most = MAX_WEIGHT >> 20;
            return Err(fault(at, format!("more than {most} MiB with what aliases repeat")));
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn set_key(&mut self, next: Key) {
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = Some(next);
        }
    }
}

/// Returns what a scalar is; `None` where its tag says something else.
fn scalar_value(text: &str, is_plain: bool, tag: Option<&Tag>) -> Option<Value> {
    let Some(tag) = tag else {
        return Some(if is_plain { resolve(text) } else { Value::Text(text.to_owned()) });
    };
    let known = match tag.suffix_in_namespace(NAMESPACE).as_deref() {
        Some("bool") => scalar::Tag::Bool,
        Some("float") => scalar::Tag::Float,
        Some("int") => scalar::Tag::Integer,
        Some("null") => scalar::Tag::Null,
        Some("binary") => scalar::Tag::Binary,
        Some(_) | None => scalar::Tag::Text,
    };
    resolve_as(known, text)
}

/// Returns a key as text, as Go writes keys that are none.
fn key_text(value: Value) -> Result<String, &'static str> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Integer(value) => Ok(value.to_string()),
        Value::Float(value) => Ok(number::key(value)),
        Value::Null | Value::List(_) | Value::Map(_) => Err("a key is no text"),
    }
}

/// Merges a mapping, or a list of them of which the first counts most, into the entries so far. What
/// comes later in the mapping itself replaces it; what came before is replaced by it.
fn merge(into: &mut BTreeMap<String, Value>, value: Value) -> Result<(), &'static str> {
    const WRONG: &str = "only mappings can be merged";
    let items = match value.into_list() {
        Ok(Some(items)) => items,
        Ok(None) => return Err(WRONG),
        Err(value) => vec![value],
    };
    for item in items.into_iter().rev() {
        let Value::Map(entries) = item else { return Err(WRONG) };
        into.extend(entries);
    }
    Ok(())
}

fn fault(at: Marker, reason: impl Into<String>) -> YamlError {
    YamlError { line: at.line().max(1), column: at.col() + 1, reason: reason.into() }
}

fn not_utf8(text: &[u8], at: usize) -> YamlError {
    let before = &text[..at];
    let line = before.split(|byte| *byte == b'\n').count();
    let column =
        before.len() - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    YamlError { line, column: column + 1, reason: "the text is not UTF-8".to_owned() }
}

/// Returns a parser's message as ours are: lower case, one line.
pub(crate) fn sentence(message: &str) -> String {
    let mut rest = message.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).map(|next| if next.is_control() { ' ' } else { next }).collect()
}
