//! JSON that others wrote: objects whose fields keep their order, and values that keep their digits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The most tabs that begin a line: what is nested deeper than a parser takes it must not make a file huge.
const MAX_TABS: usize = 128;

/// An object whose values are not looked into.
#[derive(Debug, Default)]
pub(super) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Returns a field's value; of several of that name the last, as Go has it.
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// Puts a value where the first field is that `is_meant`, under this name, or at the end; other such
    /// fields go.
    pub(super) fn put(
        &mut self,
        name: &str,
        value: Box<RawValue>,
        is_meant: impl Fn(&str) -> bool,
    ) {
        let place = self.0.iter().position(|(key, _)| is_meant(key)).unwrap_or(self.0.len());
        self.0.retain(|(key, _)| !is_meant(key));
        self.0.insert(place, (name.to_owned(), value));
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Indents JSON by tabs, as Docker does; texts and numbers stay as they are.
pub(super) fn indented(json: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut written = Zeroizing::new(Vec::with_capacity(2 * json.len()));
    let (mut depth, mut is_opened) = (0_usize, false);
    let (mut is_text, mut is_escaped) = (false, false);
    for &byte in json {
        if is_text {
            written.push(byte);
            is_text = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let is_end = matches!(byte, b'}' | b']');
        depth -= usize::from(is_end);
        // What is empty stays on its line.
        if is_opened != is_end {
            break_line(&mut written, depth);
        }
        written.push(byte);
        is_opened = matches!(byte, b'{' | b'[');
        depth += usize::from(is_opened);
        match byte {
            b'"' => is_text = true,
            b':' => written.push(b' '),
            b',' => break_line(&mut written, depth),
            _ => {}
        }
    }
    written
}

fn break_line(written: &mut Vec<u8>, depth: usize) {
    written.push(b'\n');
    written.extend(std::iter::repeat_n(b'\t', depth.min(MAX_TABS)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&indented(json.as_bytes())), expected);
    }

    #[test]
    fn objects_and_lists_are_nested_and_all_else_is_kept() {
        check("{}", "{}");
        check(" { \n} ", "{}");
        check("[ ]", "[]");
        check(r#"{"a":{"b":[]}}"#, "{\n\t\"a\": {\n\t\t\"b\": []\n\t}\n}");
        check("{\"a\" :[1.0e+400,\ttrue]}", "{\n\t\"a\": [\n\t\t1.0e+400,\n\t\ttrue\n\t]\n}");
        for text in [r#""{ \" [,: ü\u00e9""#, r#""\\""#, r#""\\\"}""#] {
            check(&format!("{{{text}:{text}}}"), &format!("{{\n\t{text}: {text}\n}}"));
        }
    }

    #[test]
    fn what_is_nested_without_end_does_not_grow_without_end() {
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(indented(&deep).len() < deep.len() * (MAX_TABS + 2));
    }

    #[test]
    fn a_field_is_put_in_the_place_of_the_first_of_its_kind_or_at_the_end() {
        let put = |json: &str| {
            let mut object: Object = serde_json::from_str(json).unwrap();
            object.put("new", RawValue::NULL.to_owned(), |key| key.starts_with('o'));
            serde_json::to_string(&object).unwrap()
        };
        assert_eq!(put(r#"{"b":1,"o1":2,"a":3,"o2":4}"#), r#"{"b":1,"new":null,"a":3}"#);
        assert_eq!(put(r#"{"b":1}"#), r#"{"b":1,"new":null}"#);
    }
}
