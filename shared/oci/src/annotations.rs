//! Annotations: what a manifest or descriptor says of itself beside its content.
//!
//! They are hints and nothing is decided by them, so what is no text is passed over instead of
//! spoiling what carries it.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads annotations. Go writes absent ones as `null`; values that are no text are left out.
pub(crate) fn read<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let Value::Object(fields) = Value::deserialize(deserializer)? else {
        return Ok(BTreeMap::new());
    };
    let text = |(key, value)| match value {
        Value::String(text) => Some((key, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    Ok(fields.into_iter().filter_map(text).collect())
}
