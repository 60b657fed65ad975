//! A JSON object whose fields keep their order and their bytes: what others wrote into an index stays
//! as they wrote it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The only key of an index whose meaning is ours.
const MANIFESTS: &str = "manifests";

/// An object over the text that it was read from.
#[derive(Debug, Default)]
pub struct JsonObject<'a> {
    fields: Vec<(String, Field<'a>)>,
}

#[derive(Debug)]
enum Field<'a> {
    Kept(&'a str),
    Written(String),
    List(Vec<Cow<'a, str>>),
}

impl<'a> JsonObject<'a> {
    /// Reads an object in which each key stands once.
    ///
    /// # Errors
    /// Where it is no such object, or has more than 1000 keys.
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Reads an image index. Go reads keys without regard to case, so one that differs from
    /// `manifests` by case alone would give its tools other entries than us, and is refused.
    ///
    /// # Errors
    /// As [`JsonObject::parse`], and where a key is ambiguous.
    pub fn parse_index(text: &'a [u8]) -> serde_json::Result<Self> {
        let object: Self = serde_json::from_slice(text)?;
        let look_alike = |key: &str| key != MANIFESTS && key.eq_ignore_ascii_case(MANIFESTS);
        match object.fields.iter().find(|(key, _)| look_alike(key)) {
            Some((key, _)) => Err(Error::custom(format_args!("key {key:?} is ambiguous"))),
            None => Ok(object),
        }
    }

    /// Returns a field's JSON, as it was read.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.fields.iter().find_map(|(name, field)| match field {
            Field::Kept(text) if name == key => Some(*text),
            Field::Kept(_) | Field::Written(_) | Field::List(_) => None,
        })
    }

    /// Puts JSON in the place of a field, or at the end.
    pub fn set(&mut self, key: &str, json: String) {
        self.put(key, Field::Written(json));
    }

    /// Puts a list of JSON in the place of a field, or at the end.
    pub fn set_list(&mut self, key: &str, items: Vec<Cow<'a, str>>) {
        self.put(key, Field::List(items));
    }

    fn put(&mut self, key: &str, field: Field<'a>) {
        match self.fields.iter_mut().find(|(name, _)| name == key) {
            Some((_, present)) => *present = field,
            None => self.fields.push((key.to_owned(), field)),
        }
    }

    /// Returns the object as JSON.
    ///
    /// # Errors
    /// None that are known: keys can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut json = String::with_capacity(self.fields.iter().map(Self::length).sum());
        json.push('{');
        for (at, (key, field)) in self.fields.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push_str(&serde_json::to_string(key)?);
            json.push(':');
            match field {
                Field::Kept(text) => json.push_str(text),
                Field::Written(text) => json.push_str(text),
                Field::List(items) => {
                    json.push('[');
                    for (at, item) in items.iter().enumerate() {
                        json.push_str(if at > 0 { "," } else { "" });
                        json.push_str(item);
                    }
                    json.push(']');
                }
            }
        }
        json.push('}');
        Ok(json)
    }

    /// How long a field is as JSON, or a little longer.
    fn length((key, field): &(String, Field<'_>)) -> usize {
        let value = match field {
            Field::Kept(text) => text.len(),
            Field::Written(text) => text.len(),
            Field::List(items) => items.iter().map(|item| item.len() + 1).sum::<usize>() + 2,
        };
        key.len() + value + 6
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = JsonObject<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject<'de>, A::Error> {
                let mut object = JsonObject::default();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if object.fields.iter().any(|(present, _)| *present == key) {
                        return Err(Error::custom(format_args!("key {key:?} stands twice")));
                    }
                    if object.fields.len() == MAX_FIELDS {
                        return Err(Error::custom("too many keys"));
                    }
                    object.fields.push((key, Field::Kept(value.get())));
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Six keys are specified for an index, nine for a descriptor; annotations have some dozen. Keys are
/// compared with each other, so their number must be small.
const MAX_FIELDS: usize = 1000;
