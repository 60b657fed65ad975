//! What a run prints: lines, log, documents, to the letter; and on which stream, and with which bytes.
//!
//! Rows end in any order, so lines are compared sorted; hosts, digests and times get names.

mod documents;
mod streams;
mod terminal;

use std::collections::BTreeMap;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::mode::is_fleet;
use mirror_tests::sample::{Sample, image};
use mirror_tests::scripted::{Answer, Fault, Rule, ScriptedRegistry};
use serde_json::json;

/// Two registries and a config of which every status comes.
struct World {
    source: ScriptedRegistry,
    destination: ScriptedRegistry,
    mirror: Binary,
    names: BTreeMap<String, &'static str>,
}

impl World {
    fn new() -> Self {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        let mut names = BTreeMap::new();
        let mut labelled = |name: &'static str| -> Sample {
            let sample = image(name);
            names.insert(sample.digest(), name);
            for blob in &sample.blobs {
                names.entry(mirror_tests::digest::sha256(blob)).or_insert("BLOB");
            }
            sample
        };
        let (from, to) = (source.store(), destination.store());
        from.push("app", "a-new", &labelled("NEW"));
        let same = labelled("SAME");
        from.push("app", "b-same", &same);
        to.push("mirror/app", "b-same", &same);
        from.push("app", "c-moved", &labelled("MOVED"));
        to.push("mirror/app", "c-moved", &image("another"));
        from.push("app", "d-denied", &labelled("DENIED"));
        from.push("moved", "1.0.0", &labelled("WINNER"));
        to.push("mirror/moved", "1.0.0", &image("loser"));
        let hostile = "no\u{1b}[2J\r\nway \u{202e}";
        let denied =
            Answer::json(403, &json!({"errors": [{"code": "DENIED", "message": hostile}]}));
        source.script(Rule::any().reference("d-denied"), Fault::answer(denied));
        let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        let (from, to) = (source.host(), destination.host());
        mirror.write(
            "mirror.yaml",
            format!(
                "apiVersion: mirror.plugin.fluxcd.io/v1beta1
kind: Config
artifacts:
  - {{source: {from}/app, destination: {to}/mirror/app, selector: {{sortBy: alphabetical, limit: 0}}}}
  - {{source: {from}/moved, destination: {to}/mirror/moved, overwrite: true}}
  - {{source: {from}/absent, destination: {to}/mirror/absent}}
"
            ),
        );
        Self { source, destination, mirror, names }
    }

    async fn sync(&self, flags: &[&str]) -> Finished {
        let arguments = ["sync", "mirror.yaml"].into_iter().chain(flags.iter().copied());
        self.mirror.call(arguments).run().await
    }

    /// Gives hosts and digests their names.
    fn named(&self, text: &str) -> String {
        let text = text.replace(&self.source.host(), "source.example");
        let mut text = text.replace(&self.destination.host(), "destination.example");
        for (digest, name) in &self.names {
            text = text.replace(digest, name);
        }
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }
}

/// Replaces what follows `key` until a blank, or the end, by `…`.
fn masked(text: &str, key: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(key) {
        masked += before;
        masked += key;
        masked += "…";
        rest = after.find([' ', '\n', ',']).map_or("", |end| &after[end..]);
    }
    masked + rest
}

/// Asserts that nothing was printed on stderr but, of a fleet's run, how to find it again.
#[track_caller]
fn assert_quiet(done: &Finished) {
    let is_id = |line: &str| is_fleet() && line.starts_with("run ");
    let said: Vec<&str> = done.stderr.lines().filter(|line| !is_id(line)).collect();
    assert!(said.is_empty(), "{done}");
}

/// Sorts chunks of a text.
fn sorted<'t>(chunks: impl IntoIterator<Item = &'t str>) -> String {
    let mut chunks: Vec<&str> = chunks.into_iter().collect();
    chunks.sort_unstable();
    chunks.concat()
}
