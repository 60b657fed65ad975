//! The JSON Schema of a config, generated from the types it is read into.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::ApiVersion;
use crate::raw::{v1beta1, v1beta2};

#[cfg(test)]
mod tests;

/// Where the schemas are published.
const PUBLISHED: &str = "https://raw.githubusercontent.com/fluxcd/flux-mirror/main/docs";

/// Returns the JSON Schema (draft 2020-12) of a version of the config API.
pub fn schema(version: ApiVersion) -> Value {
    match version {
        ApiVersion::V1Beta1 => of::<v1beta1::Config>("config-v1beta1.schema.json"),
        ApiVersion::V1Beta2 => of::<v1beta2::Config>("config-v1beta2.schema.json"),
    }
}

fn of<T: JsonSchema>(file: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("{PUBLISHED}/{file}").into());
    schema.to_value()
}
