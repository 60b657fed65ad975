//! oras: attaches referrers, and judges which are there, in registries and in layouts.
//!
//! It reads the referrers API or the fallback tag as any client would, so two places at which it
//! sees the same are the same to a user.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::Binary;
use crate::servers::program;

/// How deep referrers of referrers may lie: deeper than any test attaches.
const DEPTH: usize = 16;

/// A repository or a layout.
#[derive(Clone, Debug)]
pub enum Place {
    /// `HOST/REPOSITORY`, over plain HTTP.
    Repository(String),
    /// The folder of a layout.
    Layout(PathBuf),
}

/// A referrer as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// The digest of what it refers to.
    pub subject: String,
    /// Its digest.
    pub digest: String,
    /// Its artifact type.
    pub artifact_type: String,
}

/// oras with a HOME of its own.
#[derive(Debug)]
pub struct Oras {
    binary: Binary,
}

/// Returns oras.
pub fn oras() -> Oras {
    Oras { binary: Binary::new(program("oras")) }
}

impl Place {
    /// Returns the place of a repository.
    pub fn repository(host: &str, repository: &str) -> Self {
        Self::Repository(format!("{host}/{repository}"))
    }

    /// Returns the place of a layout.
    pub fn layout(folder: &Path) -> Self {
        Self::Layout(folder.to_owned())
    }

    /// Returns a reference in it, by tag or by digest.
    pub fn at(&self, reference: &str) -> String {
        let separator = if reference.contains(':') { '@' } else { ':' };
        match self {
            Self::Repository(name) => format!("{name}{separator}{reference}"),
            Self::Layout(folder) => format!("{}{separator}{reference}", folder.display()),
        }
    }

    /// Returns whether oras finds a manifest by its digest: in a layout, what `index.json` names.
    fn names(&self, digest: &str) -> bool {
        let Self::Layout(folder) = self else { return true };
        let index = std::fs::read(folder.join("index.json")).expect("a layout has an index");
        let index: Value = serde_json::from_slice(&index).expect("it is JSON");
        index["manifests"].as_array().into_iter().flatten().any(|entry| entry["digest"] == digest)
    }

    fn flag(&self) -> &'static str {
        match self {
            Self::Repository(_) => "--plain-http",
            Self::Layout(_) => "--oci-layout",
        }
    }
}

impl Oras {
    /// Returns the program, for its Docker configuration.
    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    /// Attaches a file of these bytes to what `reference` stands for, and returns the digest of the
    /// referrer. Its artifact type is the media type of the file too.
    pub async fn attach(
        &self,
        place: &Place,
        reference: &str,
        artifact_type: &str,
        bytes: impl AsRef<[u8]>,
    ) -> String {
        self.binary.write("attached.json", bytes);
        let done = self
            .binary
            .call(["attach", "--format=json", place.flag()])
            .arg(format!("--artifact-type={artifact_type}"))
            .arg(place.at(reference))
            .arg(format!("attached.json:{artifact_type}"))
            .run()
            .await;
        done.assert_code(0);
        let digest = done.json()["digest"].as_str().map(str::to_owned);
        digest.unwrap_or_else(|| panic!("no digest of what was attached\n{done}"))
    }

    /// Copies what `reference` stands for from one place to another, with all that is attached.
    pub async fn copy(&self, source: &Place, reference: &str, destination: &Place) {
        let [from, to] = [source, destination].map(|place| place.flag().trim_start_matches("--"));
        let call = self.binary.call(["copy", "--recursive"]);
        let call = call.arg(format!("--from-{from}")).arg(format!("--to-{to}"));
        let call = call.arg(source.at(reference)).arg(destination.at(reference));
        call.run().await.assert_code(0);
    }

    /// Returns the digest that `reference` stands for.
    pub async fn resolve(&self, place: &Place, reference: &str) -> String {
        self.binary.says(["resolve", place.flag(), &place.at(reference)]).await
    }

    /// Returns all that is attached to what `reference` stands for, to the children of an index, and
    /// to what is attached.
    pub async fn discover(&self, place: &Place, reference: &str) -> BTreeSet<Attached> {
        let root = self.resolve(place, reference).await;
        let manifest = self.manifest(place, &root).await;
        let children = manifest["manifests"].as_array().into_iter().flatten();
        let children = children.filter_map(|child| child["digest"].as_str().map(str::to_owned));
        let mut seen = BTreeSet::new();
        for subject in std::iter::once(root.clone()).chain(children) {
            if !place.names(&subject) {
                continue;
            }
            let at = place.at(&subject);
            let done = self.binary.call(["discover", "--format=json", place.flag(), &at]);
            let done = done.run().await;
            done.assert_code(0);
            gather(&subject, &done.json(), DEPTH, &mut seen);
        }
        seen
    }

    /// Asserts that the same is attached at both places: digests, artifact types, subjects. Returns
    /// it.
    pub async fn assert_same(
        &self,
        source: &Place,
        destination: &Place,
        reference: &str,
    ) -> BTreeSet<Attached> {
        let there = self.discover(source, reference).await;
        let here = self.discover(destination, reference).await;
        let lacking = list(there.difference(&here));
        let added = list(here.difference(&there));
        assert!(
            there == here,
            "{} has not what {} has: lacking\n{lacking}added\n{added}",
            destination.at(reference),
            source.at(reference)
        );
        here
    }

    async fn manifest(&self, place: &Place, digest: &str) -> Value {
        let call = self.binary.call(["manifest", "fetch", place.flag(), &place.at(digest)]);
        let done = call.run().await;
        done.assert_code(0);
        done.json()
    }
}

fn gather(subject: &str, node: &Value, depth: usize, into: &mut BTreeSet<Attached>) {
    assert!(depth > 0, "referrers of referrers lie deeper than {DEPTH}");
    for referrer in node["referrers"].as_array().into_iter().flatten() {
        let text = |field: &str| referrer[field].as_str().unwrap_or_default().to_owned();
        let digest = text("digest");
        gather(&digest, referrer, depth - 1, into);
        into.insert(Attached {
            subject: subject.to_owned(),
            digest,
            artifact_type: text("artifactType"),
        });
    }
}

fn list<'a>(all: impl Iterator<Item = &'a Attached>) -> String {
    all.fold(String::new(), |mut text, one| {
        let Attached { subject, digest, artifact_type } = one;
        let _ = writeln!(text, "  {artifact_type} {digest} of {subject}");
        text
    })
}
