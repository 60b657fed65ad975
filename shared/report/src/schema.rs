//! The JSON Schema of a report, made from the types that write it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

use crate::document::ReportVersion;
use crate::envelope::Document;

/// Returns the JSON Schema (draft 2020-12) of a report of `version`.
///
/// Unknown keys are allowed: later versions may add some.
pub fn schema(version: ReportVersion) -> Value {
    // Formats of Rust's own (`uint8`) are an error to validators that are strict.
    let plain = RecursiveTransform(|schema: &mut Schema| {
        if schema.get("type").and_then(Value::as_str) == Some("integer") {
            schema.remove("format");
        }
    });
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(plain);
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<Document<'_>>().to_value();
    schema["$id"] = json!(version.schema_url());
    schema["title"] = json!("Flux Mirror report");
    schema["properties"]["apiVersion"]["const"] = json!(version.api_version());
    schema
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// The published schema is the one of our types. After a change of the types, renew it:
    /// `UPDATE_SCHEMAS=1 cargo test -p mirror-report schema`
    #[test]
    fn the_published_schemas_are_current() {
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        for version in [ReportVersion::V1Beta1, ReportVersion::V1Beta2] {
            let name = version.schema_url().rsplit('/').next().unwrap();
            let path = docs.join(name);
            #[expect(clippy::disallowed_methods, reason = "a test has no main to be handed it by")]
            let renew = std::env::var_os("UPDATE_SCHEMAS").is_some();
            if renew {
                let text = serde_json::to_string_pretty(&schema(version)).unwrap();
                fs::write(&path, text + "\n").unwrap();
            }
            let published = fs::read(&path).unwrap_or_default();
            let published = serde_json::from_slice::<Value>(&published).unwrap_or_default();
            assert!(
                published == schema(version),
                "docs/{name} is out of date; renew it by \
                 `UPDATE_SCHEMAS=1 cargo test -p mirror-report schema`"
            );
        }
    }

    #[test]
    fn the_schema_says_what_is_always_there() {
        let schema = schema(ReportVersion::V1Beta2);
        assert_eq!(schema["properties"]["apiVersion"]["const"], "mirror.plugin.fluxcd.io/v1beta2");
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(schema["$defs"][name]["required"], json!(expected), "{name}");
        };
        check("Report", &["reporter", "timestamp", "durationMs", "summary", "results"]);
        check("Result", &["source", "destination", "status", "tags"]);
        check("Tag", &["tag", "status"]);
        check("Referrer", &["digest", "status"]);
        check("Verification", &["provider"]);
        assert_eq!(schema["$defs"]["Summary"]["required"].as_array().map(Vec::len), Some(9));
    }
}
