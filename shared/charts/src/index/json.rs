//! An index in JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::IndexError;
use super::step::Step;
use super::walk::Walk;

/// Walks through the document.
pub(super) fn read(text: &[u8], walk: &mut Walk<'_>) -> Result<(), IndexError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Feed(walk).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        // The position is said by us.
        let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
        IndexError::Malformed { line, column, reason }
    })
}

/// Turns values into steps.
struct Feed<'f, 'w>(&'f mut Walk<'w>);

impl Feed<'_, '_> {
    fn step<E: Error>(&mut self, step: Step<'_>) -> Result<(), E> {
        self.0.step(step).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Feed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Feed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an index")
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.step(Step::Scalar { text: Cow::Borrowed(text), is_plain: false })
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.step(Step::NoText)
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.step(Step::NoText)
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.step(Step::NoText)
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.step(Step::NoText)
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.step(Step::NoText)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.step(Step::ListStart)?;
        while list.next_element_seed(Feed(self.0))?.is_some() {}
        self.step(Step::ListEnd)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.step(Step::MapStart)?;
        while map.next_key_seed(Feed(self.0))?.is_some() {
            map.next_value_seed(Feed(self.0))?;
        }
        self.step(Step::MapEnd)
    }
}
