//! Charts of Helm repositories: from a config to what Helm pulls.

mod access;
mod broken;
mod compare;
mod example;
#[cfg(feature = "test-clients")]
mod helm;
mod planning;
mod secrets;
mod sources;

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use mirror_tests::binary::{Binary, Call, Finished};
use mirror_tests::chart::{chart, digest, index};
use mirror_tests::sample::{Sample, describe};
use mirror_tests::scripted::{Answer, Fault, Kind, Log, Rule, Scripted, ScriptedRegistry};
use serde_json::{Value, json};

/// The media type of a chart's only layer.
const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// That of its config.
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

/// A chart repository below `/charts`, a registry, and the program that mirrors one into the other.
struct World {
    repository: ScriptedRegistry,
    registry: ScriptedRegistry,
    mirror: Binary,
}

impl World {
    fn new() -> Self {
        Self {
            repository: ScriptedRegistry::plain(),
            registry: ScriptedRegistry::plain(),
            mirror: Binary::new(env!("CARGO_BIN_EXE_flux-mirror")),
        }
    }

    /// A repository with these versions of `app`, and a config that mirrors as `more`, in YAML's flow
    /// style, says.
    fn of(versions: &[&str], more: &str) -> Self {
        let world = Self::new();
        world.publish("app", versions);
        world.config(&[("app", more)]);
        world
    }

    /// The repository's URL.
    fn url(&self) -> String {
        format!("{}/charts", self.repository.url())
    }

    /// Serves something below the repository; what was served there before is so no more.
    fn serve(&self, path: &str, answer: Answer) -> Scripted {
        let rule = Rule::on(Kind::Other).method("GET").target(&format!("/charts/{path}"));
        self.repository.script(rule, Fault::answer(answer))
    }

    fn serve_bytes(&self, path: &str, bytes: impl Into<Bytes>) -> Scripted {
        self.serve(path, Answer::status(200).body(bytes))
    }

    /// Serves versions of one chart, and an index of them.
    fn publish(&self, name: &str, versions: &[&str]) {
        let mut listed = Vec::new();
        for version in versions {
            let (archive, file) = (chart(name, version), format!("{name}-{version}.tgz"));
            listed.push(((*version).to_owned(), file.clone(), digest(&archive)));
            self.serve_bytes(&file, archive);
        }
        let listed: Vec<(&str, &str, &str)> =
            listed.iter().map(|(version, file, digest)| (&**version, &**file, &**digest)).collect();
        self.serve_bytes("index.yaml", index(name, &listed));
    }

    /// Writes a config of these charts, each with more YAML in flow style.
    fn config(&self, charts: &[(&str, &str)]) {
        let (source, host) = (self.url(), self.registry.host());
        self.config_of(&source, &format!("oci://{host}/mirrored"), charts);
    }

    fn config_of(&self, source: &str, destination: &str, charts: &[(&str, &str)]) {
        let mut config =
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\ncharts:\n".to_owned();
        for (name, more) in charts {
            let more = if more.is_empty() { String::new() } else { format!(", {more}") };
            writeln!(
                config,
                "  - {{name: {name}, source: '{source}', destination: '{destination}'{more}}}"
            )
            .unwrap();
        }
        self.mirror.write("mirror.yaml", config);
    }

    /// Runs `sync` with a report on stdout.
    async fn sync(&self, flags: &[&str]) -> Finished {
        let call = self.mirror.call(["sync", "mirror.yaml", "-o", "json"]);
        flags.iter().fold(call, Call::arg).run().await
    }

    /// Runs `sync`, which is to end well.
    async fn sync_well(&self) -> Finished {
        let done = self.sync(&[]).await;
        done.assert_code(0);
        done
    }

    /// Forgets the requests so far.
    fn clear_logs(&self) {
        self.repository.clear_log();
        self.registry.clear_log();
    }

    /// The paths below the repository that were asked for, sorted.
    fn asked(&self) -> Vec<String> {
        let log = self.repository.log();
        let path = |target: &str| target.trim_start_matches("/charts/").to_owned();
        let mut paths: Vec<String> =
            log.entries().iter().map(|entry| path(&entry.target)).collect();
        paths.sort_unstable();
        paths
    }

    /// Requests about what `app` is mirrored into.
    fn asked_registry(&self) -> Log {
        self.registry.log().of("mirrored/app")
    }

    /// Asserts that a tag holds this archive, as a chart and whole.
    #[track_caller]
    fn assert_holds(&self, tag: &str, archive: &[u8]) {
        self.registry.store().judge("mirrored/app", tag).unwrap();
        let manifest = self.registry.store().manifest("mirrored/app", tag).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        assert_eq!(manifest["config"]["mediaType"], CONFIG);
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1, "{manifest}");
        assert_eq!(layers[0]["mediaType"], LAYER);
        assert_eq!(layers[0]["digest"], format!("sha256:{}", digest(archive)));
        assert_eq!(layers[0]["size"], archive.len());
    }

    /// The tags of what `app` is mirrored into.
    fn tags(&self) -> Vec<String> {
        self.registry.store().tags("mirrored/app")
    }
}

/// Whether a path is that of an archive.
fn is_archive(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "tgz")
}

/// The message of an entry that could not be planned.
#[track_caller]
fn plan_error(done: &Finished, entry: usize) -> String {
    let report = done.json();
    let error = report["report"]["results"][entry]["error"].as_str();
    error.unwrap_or_else(|| panic!("entry {entry} was planned\n{done}")).to_owned()
}

/// What `helm push` makes of an archive: with annotations, among them a date.
fn pushed_by_helm(archive: &Bytes) -> Sample {
    let config = Bytes::from(r#"{"name":"app","version":"1.0.0"}"#);
    let manifest = json!({
        "schemaVersion": 2,
        "config": describe(CONFIG, &config),
        "layers": [describe(LAYER, archive)],
        "annotations": {"org.opencontainers.image.created": "2026-05-13T09:00:00Z"},
    });
    let mut sample =
        Sample::raw("application/vnd.oci.image.manifest.v1+json", manifest.to_string());
    sample.blobs = vec![config, archive.clone()];
    sample
}
