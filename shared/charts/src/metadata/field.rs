//! Fields as Go's JSON takes them in: over what is there already, since requirements.yaml comes after
//! Chart.yaml.

use std::collections::BTreeMap;

use crate::yaml::Value;

/// A field that is of another kind than wanted.
pub(super) struct Fault {
    /// The field, with those that it is in; empty for the whole.
    pub(super) field: String,
    pub(super) found: &'static str,
    pub(super) wanted: &'static str,
}

impl Fault {
    fn new(found: &Value, wanted: &'static str) -> Self {
        Self { field: String::new(), found: found.kind(), wanted }
    }

    /// Says what the field is in.
    pub(super) fn below(mut self, key: &str) -> Self {
        let key: String = key.chars().take(80).flat_map(char::escape_default).collect();
        let separator = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{key}{separator}{}", self.field);
        self
    }

    fn at(mut self, index: usize) -> Self {
        let separator = if self.field.is_empty() { "" } else { "." };
        self.field = format!("[{index}]{separator}{}", self.field);
        self
    }
}

/// Something that is made of a mapping.
pub(super) trait Take {
    /// Takes in a mapping's fields.
    fn take_fields(&mut self, fields: BTreeMap<String, Value>) -> Result<(), Fault>;

    /// Takes in a mapping; nothing changes nothing.
    fn take(&mut self, value: Value) -> Result<(), Fault> {
        match value.into_map() {
            Ok(Some(fields)) => self.take_fields(fields),
            Ok(None) => Ok(()),
            Err(other) => Err(Fault::new(&other, "a mapping")),
        }
    }
}

/// Takes in text; numbers and booleans become text, nothing changes nothing.
pub(super) fn text(into: &mut String, value: Value) -> Result<(), Fault> {
    match value.into_text() {
        Ok(Some(text)) => *into = text,
        Ok(None) => {}
        Err(other) => return Err(Fault::new(&other, "text")),
    }
    Ok(())
}

/// Takes in a boolean; nothing changes nothing.
pub(super) fn flag(into: &mut bool, value: Value) -> Result<(), Fault> {
    match value.into_bool() {
        Ok(Some(value)) => *into = value,
        Ok(None) => {}
        Err(other) => return Err(Fault::new(&other, "a boolean")),
    }
    Ok(())
}

/// Takes in a list of texts.
pub(super) fn texts(into: &mut Vec<String>, value: Value) -> Result<(), Fault> {
    list(into, value, text)
}

/// Takes in a list of mappings, of which those that are nothing are none. Each is taken over the one
/// that stood in its place.
pub(super) fn items<T: Take + Default>(
    into: &mut Vec<Option<T>>,
    value: Value,
) -> Result<(), Fault> {
    list(into, value, |slot: &mut Option<T>, item| {
        if item == Value::Null {
            *slot = None;
            return Ok(());
        }
        slot.get_or_insert_default().take(item)
    })
}

/// Takes in a list of whatever JSON has.
pub(super) fn any(into: &mut Vec<Value>, value: Value) -> Result<(), Fault> {
    list(into, value, |slot, item| {
        if !is_json(&item) {
            return Err(Fault { found: "not finite", ..Fault::new(&item, "a number") });
        }
        *slot = item;
        Ok(())
    })
}

/// Takes in a mapping of texts, entry by entry.
pub(super) fn map(into: &mut BTreeMap<String, String>, value: Value) -> Result<(), Fault> {
    match value.into_map() {
        Ok(None) => into.clear(),
        Ok(Some(entries)) => {
            for (key, value) in entries {
                let mut entry = String::new();
                text(&mut entry, value).map_err(|fault| fault.below(&key))?;
                into.insert(key, entry);
            }
        }
        Err(other) => return Err(Fault::new(&other, "a mapping")),
    }
    Ok(())
}

/// Takes in a list over the one that is there: item over item, and as long as the new one.
fn list<T: Default>(
    into: &mut Vec<T>,
    value: Value,
    take: impl Fn(&mut T, Value) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match value.into_list() {
        Ok(None) => into.clear(),
        Ok(Some(items)) => {
            into.resize_with(items.len(), T::default);
            for (index, (slot, item)) in into.iter_mut().zip(items).enumerate() {
                take(slot, item).map_err(|fault| fault.at(index))?;
            }
        }
        Err(other) => return Err(Fault::new(&other, "a list")),
    }
    Ok(())
}

/// Returns whether JSON can say it: it has no numbers that are not finite.
fn is_json(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Text(_) => true,
        Value::Float(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_json),
        Value::Map(entries) => entries.values().all(is_json),
    }
}
