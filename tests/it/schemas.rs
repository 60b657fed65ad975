//! The published schemas accept what is read and written here, and refuse what is not.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use mirror_config::{ConfigSource, LoadOptions, MirrorConfig, Purpose};
use mirror_tests::binary::Binary;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Rule, ScriptedRegistry};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The schema that stands in `docs/`, as a validator that checks formats too.
fn schema(name: &str) -> Validator {
    let schema = published(name);
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn published(name: &str) -> Value {
    let text = fs::read_to_string(root().join("docs").join(name)).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// What a schema finds wrong; nothing where it is content.
fn faults(schema: &Validator, value: &Value) -> Vec<String> {
    let errors = schema.iter_errors(value);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("an example is YAML")
}

/// Every config below `examples/`, with its path: what says that it is one.
fn examples() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut ahead = vec![root().join("examples")];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                ahead.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(&path).expect("an example is text");
                if text.lines().any(|line| line == "kind: Config") {
                    found.push((path, text));
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn each_published_schema_is_a_schema() {
    for name in [
        "config-v1beta1.schema.json",
        "config-v1beta2.schema.json",
        "report-v1beta1.schema.json",
        "report-v1beta2.schema.json",
    ] {
        let schema = published(name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        let judged = jsonschema::meta::validate(&schema);
        assert!(judged.is_ok(), "{name}: {:?}", judged.err());
    }
}

#[test]
fn every_example_is_valid_and_loads() {
    let examples = examples();
    let names: Vec<&str> =
        examples.iter().filter_map(|(path, _)| path.file_stem()?.to_str()).collect();
    assert_eq!(
        names,
        [
            "mirror",
            "charts-between-registries",
            "charts-to-ghcr",
            "images-to-ecr",
            "images-to-private-registry",
            "mirror",
            "spiffe",
            "workload-identity",
        ]
    );
    let schema = schema("config-v1beta1.schema.json");
    for (path, text) in examples {
        let name = path.display();
        assert_eq!(faults(&schema, &yaml(&text)), Vec::<String>::new(), "{name}");
        // What the examples expect of their surroundings: variables, and a token beside the file.
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("registry-token"), "token").expect("our own folder");
        let copy = folder.path().join("mirror.yaml");
        fs::write(&copy, &text).expect("our own folder");
        let environment = |name: &str| {
            ["GH_TOKEN", "REGISTRY_USERNAME", "REGISTRY_PASSWORD"]
                .contains(&name)
                .then(|| "x".to_owned())
        };
        let config = MirrorConfig::load(&copy, &options(&environment));
        let config = config.unwrap_or_else(|errors| panic!("{name}: {errors}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_config_of_the_document_stands_among_the_examples_as_it_was() {
    let loader = root().join("shared/config/src/tests/examples");
    for entry in fs::read_dir(loader).expect("a folder").flatten() {
        let text = fs::read_to_string(entry.path()).expect("an example is text");
        let own = root().join("examples").join(entry.file_name());
        let own = fs::read_to_string(&own).unwrap_or_else(|error| panic!("{own:?}: {error}"));
        assert_eq!(yaml(&own), yaml(&text), "{:?}", entry.file_name());
    }
}

fn options(environment: &dyn Fn(&str) -> Option<String>) -> LoadOptions<'_> {
    LoadOptions { envsubst: true, environment, layout_root: None, purpose: Purpose::Sync }
}

/// A config that is in order in either version.
fn good(version: &str) -> Value {
    json!({
        "apiVersion": format!("mirror.plugin.fluxcd.io/{version}"),
        "kind": "Config",
        "artifacts": [{
            "source": "ghcr.io/a/b",
            "destination": "localhost:5000/a/b",
            "selector": {
                "regex": {"pattern": "^v(.+)$", "extract": "$1"},
                "semver": ">=1.0.0", "sortBy": "semver", "limit": 3,
            },
            "overwrite": true,
            "includeReferrers": true,
            "verify": {
                "provider": "cosign", "minAge": "48h",
                "matchOIDCIdentity": [{"issuer": "https://i", "subject": "^s$"}],
            },
        }],
        "charts": [{
            "name": "podinfo", "source": "https://x.org/charts", "destination": "oci://x.org/c",
            "version": "*", "limit": 0, "overwrite": false,
        }],
        "hosts": [{"host": "ghcr.io", "maxChunkSize": 1024}],
    })
}

#[test]
fn what_the_schema_refuses_is_refused_when_it_is_loaded() {
    for version in ["v1beta1", "v1beta2"] {
        let schema = schema(&format!("config-{version}.schema.json"));
        let check = |config: &Value, right: bool| {
            let faults = faults(&schema, config);
            assert_eq!(faults.is_empty(), right, "{version} schema: {faults:?} {config}");
            let loaded = MirrorConfig::parse(
                config.to_string().as_bytes(),
                &ConfigSource::Stdin,
                &options(&|_| None),
            );
            assert_eq!(loaded.is_ok(), right, "{version}: {loaded:?} {config}");
        };
        check(&good(version), true);
        for (pointer, value) in [
            ("/apiVersion", json!("mirror.plugin.fluxcd.io/v1")),
            ("/apiVersion", Value::Null),
            ("/kind", json!("Report")),
            ("/artifact", json!([])),
            ("/artifacts", json!({})),
            ("/artifacts/0/source", Value::Null),
            ("/artifacts/0/tags", json!(["1"])),
            ("/artifacts/0/selector/limit", json!(-1)),
            ("/artifacts/0/selector/limit", json!("some")),
            ("/artifacts/0/selector/limit", json!(1.5)),
            ("/artifacts/0/selector/sortBy", json!("age")),
            ("/artifacts/0/selector/regexp", json!("x")),
            ("/artifacts/0/overwrite", json!("perhaps")),
            ("/artifacts/0/verify/provider", json!("notation")),
            ("/charts/0/name", Value::Null),
            ("/charts/0/limit", json!(-3)),
            ("/hosts/0/host", Value::Null),
            ("/hosts/0/port", json!(5000)),
            ("/hosts/0/provider", json!("quay")),
            ("/hosts/0/maxChunkSize", json!(-1)),
        ] {
            check(&changed(good(version), pointer, value), false);
        }
    }
}

/// Sets what `pointer` points to; null takes it away.
fn changed(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
    let parent = parent.unwrap_or_else(|| panic!("{pointer} has no parent"));
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
    document
}

/// Reports of runs with every status there is, and how each was asked for.
async fn reports(version: &str) -> Vec<(String, Value)> {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    let (from, to) = (source.store(), destination.store());
    from.push("app", "4.0.0", &image("broken"));
    from.push("app", "3.0.0", &image("drifts"));
    to.push("app", "3.0.0", &image("other"));
    from.push("app", "2.0.0", &image("same"));
    to.push("app", "2.0.0", &image("same"));
    from.push("app", "1.0.0", &image("new"));
    source.script(Rule::any().reference("4.0.0"), Fault::error(403, "DENIED"));
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let (from, to) = (source.host(), destination.host());
    mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/{version}\nkind: Config\nartifacts:\n  - {{source: \
             {from}/app, destination: {to}/app, selector: {{limit: 0}}}}\n  - {{source: \
             {from}/absent, destination: {to}/absent}}\n"
        ),
    );
    let mut reports = Vec::new();
    for flags in ["--dry-run", "--dry-run --overwrite", "", "--overwrite"] {
        for format in ["json", "yaml"] {
            let flags = flags.split(' ').filter(|flag| !flag.is_empty());
            let arguments: Vec<&str> =
                ["sync", "mirror.yaml", "-o", format].into_iter().chain(flags).collect();
            let done = mirror.call(&arguments).run().await;
            done.assert_code(1);
            let report = if format == "json" { done.json() } else { yaml(&done.stdout) };
            reports.push((format!("{version} {arguments:?}"), report));
        }
    }
    reports
}

#[tokio::test]
async fn every_report_is_valid_and_has_each_status() {
    for version in ["v1beta1", "v1beta2"] {
        let schema = schema(&format!("report-{version}.schema.json"));
        let mut seen = String::new();
        for (name, report) in reports(version).await {
            assert_eq!(faults(&schema, &report), Vec::<String>::new(), "{name}");
            seen += &report.to_string();
        }
        for status in [
            "copied",
            "overwritten",
            "skipped",
            "drifted",
            "would-copy",
            "would-overwrite",
            "failed",
            "completed",
        ] {
            assert!(seen.contains(&format!("\"status\":\"{status}\"")), "{version}: {status}");
        }
    }
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let schema = schema("report-v1beta1.schema.json");
    let (_, report) = reports("v1beta1").await.swap_remove(4);
    assert_eq!(faults(&schema, &report), Vec::<String>::new());
    let tags = &report["report"]["results"][0]["tags"];
    let row = |status: &str| {
        let rows = tags.as_array().expect("rows");
        let index = rows.iter().position(|row| row["status"] == status).expect("such a row");
        format!("/report/results/0/tags/{index}")
    };
    for (pointer, value) in [
        ("/apiVersion".to_owned(), json!("mirror.plugin.fluxcd.io/v1beta2")),
        ("/kind".to_owned(), json!("Config")),
        ("/report/timestamp".to_owned(), json!("yesterday")),
        ("/report/durationMs".to_owned(), json!(-1)),
        ("/report/results".to_owned(), Value::Null),
        ("/report/summary/copied".to_owned(), Value::Null),
        ("/report/summary/failed".to_owned(), json!(-1)),
        ("/report/summary/exitCode".to_owned(), json!(3)),
        ("/report/results/0/status".to_owned(), json!("done")),
        ("/report/results/0/error".to_owned(), json!("of a completed entry")),
        ("/report/results/1/error".to_owned(), Value::Null),
        (row("copied") + "/status", json!("moved")),
        (row("copied") + "/digest", json!("sha256:00")),
        (row("copied") + "/reason", json!("up-to-date")),
        (row("skipped") + "/reason", Value::Null),
        (row("skipped") + "/reason", json!("tired")),
        (row("failed") + "/error", Value::Null),
        (row("drifted") + "/error", json!("of a row that did not fail")),
    ] {
        let bad = changed(report.clone(), &pointer, value.clone());
        assert_ne!(faults(&schema, &bad), Vec::<String>::new(), "{pointer} = {value}");
    }
    // Readers are to pass over what they do not know.
    let later = changed(report, "/report/region", json!("eu"));
    assert_eq!(faults(&schema, &later), Vec::<String>::new());
}
