//! The published schemas are those of the types that are read, and refuse what is unknown.

use std::fs;
use std::path::Path;

use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "how a developer asks for new files")]
fn the_published_schemas_are_current() {
    for (version, name) in [
        (ApiVersion::V1Beta1, "config-v1beta1.schema.json"),
        (ApiVersion::V1Beta2, "config-v1beta2.schema.json"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let current = format!("{:#}\n", schema(version));
        if std::env::var("UPDATE_SCHEMAS").is_ok() {
            fs::write(&path, &current).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == current,
            "docs/{name} is not what the types say; renew it:\n\
             UPDATE_SCHEMAS=1 cargo test -p mirror-config schemas"
        );
    }
}

#[test]
fn unknown_fields_are_refused_everywhere() {
    fn check(value: &Value, path: &str) {
        if let Some(object) = value.as_object() {
            if object.contains_key("properties") {
                assert_eq!(object.get("additionalProperties"), Some(&Value::Bool(false)), "{path}");
            }
            for (key, inner) in object {
                check(inner, &format!("{path}/{key}"));
            }
        }
    }
    for version in ApiVersion::ALL {
        check(&schema(version), version.as_str());
    }
}
