//! Metadata as the JSON that `helm push` makes the config of: Helm's order of fields, empty ones left
//! out, text escaped as Go escapes it for a web page.

use std::fmt::Write as _;

use super::{Dependency, Maintainer, Metadata};
use crate::yaml::{Value, json_number};

impl Metadata {
    /// Returns the config.
    pub(crate) fn json(&self) -> String {
        let mut json = Json(String::new());
        json.object(|object| {
            object.text("name", &self.name);
            object.text("home", &self.home);
            object.texts("sources", &self.sources);
            object.text("version", &self.version);
            object.text("description", &self.description);
            object.texts("keywords", &self.keywords);
            object.items("maintainers", &self.maintainers, Maintainer::write);
            object.text("icon", &self.icon);
            object.text("apiVersion", &self.api_version);
            object.text("condition", &self.condition);
            object.text("tags", &self.tags);
            object.text("appVersion", &self.app_version);
            object.flag("deprecated", self.deprecated);
            if !self.annotations.is_empty() {
                object.key("annotations");
                object.json.object(|annotations| {
                    for (key, value) in &self.annotations {
                        annotations.key(key);
                        annotations.json.text(value);
                    }
                });
            }
            object.text("kubeVersion", &self.kube_version);
            object.items("dependencies", &self.dependencies, Dependency::write);
            object.text("type", &self.kind);
        });
        json.0
    }
}

impl Maintainer {
    fn write(&self, object: &mut Object<'_>) {
        object.text("name", &self.name);
        object.text("email", &self.email);
        object.text("url", &self.url);
    }
}

impl Dependency {
    fn write(&self, object: &mut Object<'_>) {
        object.key("name");
        object.json.text(&self.name);
        object.text("version", &self.version);
        object.key("repository");
        object.json.text(&self.repository);
        object.text("condition", &self.condition);
        object.texts("tags", &self.tags);
        object.flag("enabled", self.enabled);
        if !self.import_values.is_empty() {
            object.key("import-values");
            object.json.list(&self.import_values, Json::value);
        }
        object.text("alias", &self.alias);
    }
}

/// JSON that is being written.
struct Json(String);

impl Json {
    fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.0.push('{');
        fill(&mut Object { json: self, is_empty: true });
        self.0.push('}');
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.0.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            write(self, item);
        }
        self.0.push(']');
    }

    fn text(&mut self, text: &str) {
        self.0.push('"');
        for next in text.chars() {
            match next {
                '"' | '\\' => self.0.extend(['\\', next]),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    // Writing to a String cannot fail.
                    let _ = write!(self.0, "\\u{:04x}", u32::from(next));
                }
                _ => self.0.push(next),
            }
        }
        self.0.push('"');
    }

    /// Writes a value of no certain kind: numbers as 64-bit floats, as Go's JSON reads them.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.push_str("null"),
            Value::Bool(value) => self.0.push_str(if *value { "true" } else { "false" }),
            #[expect(clippy::cast_precision_loss, reason = "as Go does")]
            Value::Integer(number) => self.number(*number as f64),
            Value::Float(number) => self.number(*number),
            Value::Text(text) => self.text(text),
            Value::List(items) => self.list(items, Self::value),
            Value::Map(entries) => self.object(|object| {
                for (key, value) in entries {
                    object.key(key);
                    object.json.value(value);
                }
            }),
        }
    }

    fn number(&mut self, number: f64) {
        self.0.push_str(json_number(number).as_deref().unwrap_or("null"));
    }
}

/// An object that is being written.
struct Object<'j> {
    json: &'j mut Json,
    is_empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.json.0.push(',');
        }
        self.is_empty = false;
        self.json.text(key);
        self.json.0.push(':');
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.key(key);
            self.json.text(text);
        }
    }

    fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.key(key);
            self.json.0.push_str("true");
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.key(key);
            self.json.list(texts, |json, text| json.text(text));
        }
    }

    fn items<T>(&mut self, key: &str, items: &[Option<T>], write: fn(&T, &mut Object<'_>)) {
        if !items.is_empty() {
            self.key(key);
            self.json.list(items, |json, item| match item {
                Some(item) => json.object(|object| write(item, object)),
                None => json.0.push_str("null"),
            });
        }
    }
}
