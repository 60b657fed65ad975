//! Every object is of a kind that we know, and has its fields and no others.

use serde_json::{Map, Value, json};

use super::objects::{Rendered, overlay, title};
use super::{assert_kept, check};

/// The fields of every object; what else it has is in `kinds.yaml`.
const METADATA: &str =
    "{ name!: string, namespace!: string, labels: strings, annotations: strings }";

fn rule(rendered: &Rendered) -> Vec<String> {
    let known: Value = serde_saphyr::from_str(include_str!("kinds.yaml")).expect("our own file");
    let metadata: Value = serde_saphyr::from_str(METADATA).expect("our own text");
    let mut faults = Vec::new();
    for object in &rendered.objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        let Some(shape) = known["kinds"][kind].as_object() else {
            faults.push(format!("{}: the kind is not known", title(object)));
            continue;
        };
        let mut shape = shape.clone();
        let version = shape.remove("apiVersion").expect("a kind has a version");
        if object["apiVersion"] != version {
            faults.push(format!("{}: not of {version}", title(object)));
        }
        shape.insert("apiVersion!".to_owned(), json!("string"));
        shape.insert("kind!".to_owned(), json!("string"));
        shape.insert("metadata!".to_owned(), metadata.clone());
        Shapes { parts: &known["parts"] }.object(&title(object), object, &shape, &mut faults);
    }
    faults
}

struct Shapes<'a> {
    parts: &'a Value,
}

impl Shapes<'_> {
    fn value(&self, path: &str, value: &Value, shape: &Value, faults: &mut Vec<String>) {
        match shape {
            Value::String(name) if name.starts_with('$') => {
                self.value(path, value, &self.parts[&name[1..]], faults);
            }
            Value::String(name) if is_of(name, value) => {}
            Value::Object(fields) => self.object(path, value, fields, faults),
            Value::Array(item) if value.is_array() => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(&format!("{path}[{index}]"), value, &item[0], faults);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => faults.push(format!("{path}: {value} is not of {shape}")),
        }
    }

    fn object(
        &self,
        path: &str,
        value: &Value,
        shape: &Map<String, Value>,
        faults: &mut Vec<String>,
    ) {
        let Some(value) = value.as_object() else {
            faults.push(format!("{path}: is no map"));
            return;
        };
        for (name, field) in value {
            let shape = shape.get(name).or_else(|| shape.get(&format!("{name}!")));
            match shape {
                Some(shape) => self.value(&format!("{path}.{name}"), field, shape, faults),
                None => faults.push(format!("{path}.{name}: no such field is known")),
            }
        }
        for name in shape.keys().filter_map(|name| name.strip_suffix('!')) {
            if !value.contains_key(name) {
                faults.push(format!("{path}.{name}: must be there"));
            }
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    let all = |is: fn(&Value) -> bool| value.as_array().is_some_and(|it| it.iter().all(is));
    match name {
        "boolean" => value.is_boolean(),
        "list" => all(Value::is_string),
        "number" => value.is_u64(),
        "numbers" => all(Value::is_u64),
        "string" => value.is_string(),
        "strings" => value.as_object().is_some_and(|it| it.values().all(Value::is_string)),
        other => panic!("kinds.yaml: {other} is no type"),
    }
}

#[tokio::test]
async fn every_object_has_the_fields_of_its_kind() {
    assert_kept(rule).await;
    let base = overlay("base").await;
    let worker = "Deployment/flux-mirror-worker";
    let container = "/spec/template/spec/containers/0";
    check(rule, base, (worker, "/kind", json!("Deploiment")), "the kind is not known");
    check(rule, base, (worker, "/apiVersion", json!("apps/v1beta1")), "not of \"apps/v1\"");
    check(rule, base, (worker, "/spec/replicas", json!("2")), "is not of \"number\"");
    check(rule, base, (worker, "/spec/replica", json!(2)), "no such field is known");
    check(rule, base, (worker, "/metadata/namespace", Value::Null), "namespace: must be there");
    let probe = format!("{container}/livenessProbe/path");
    check(rule, base, (worker, &probe, json!("/healthz")), "livenessProbe.path: no such field");
    let resources = format!("{container}/resources/requests");
    check(rule, base, (worker, &resources, Value::Null), "requests: must be there");
}
