//! All that a repository holds, taken out of one registry and put into others.
//!
//! What costs a second to make, such as a signature, is made once, and put wherever a test wants it:
//! byte for byte, with the tags and what is attached as they were.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

use crate::client::Client;
use crate::sample::Sample;
use crate::scripted::Store;

/// All that a repository held.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its tags, with what they point to.
    pub tags: Vec<(String, Sample)>,
    /// What is attached to any of that, and to each other; what fallback tags hold is among their
    /// children, and here too.
    pub attached: Vec<Sample>,
}

impl Held {
    /// Takes all of a repository.
    pub async fn take(client: &Client, repository: &str) -> Self {
        let mut held = Self { tags: Vec::new(), attached: Vec::new() };
        for tag in client.tags(repository).await {
            let sample = sample(client, repository, &tag).await;
            held.tags.push((tag, sample));
        }
        let manifests = held.tags.iter().flat_map(|(_, sample)| sample.manifests());
        let mut subjects: Vec<String> = manifests.map(Sample::digest).collect();
        let mut seen = BTreeSet::new();
        while let Some(subject) = subjects.pop() {
            for referrer in client.referrers(repository, &subject).await {
                let digest = text(&referrer["digest"]).to_owned();
                if seen.insert(digest.clone()) {
                    held.attached.push(sample(client, repository, &digest).await);
                    subjects.push(digest);
                }
            }
        }
        held
    }

    /// Puts all of it into a repository.
    pub async fn put(&self, client: &Client, repository: &str) {
        for (tag, sample) in &self.tags {
            client.push(repository, tag, sample).await;
        }
        for sample in &self.attached {
            client.push(repository, &sample.digest(), sample).await;
        }
    }

    /// Puts all of it into a repository of a scripted registry.
    pub fn put_into(&self, store: &Store, repository: &str) {
        for (tag, sample) in &self.tags {
            store.push(repository, tag, sample);
        }
        for sample in &self.attached {
            store.put(repository, sample);
        }
    }

    /// Returns what a tag points to.
    pub fn tag(&self, tag: &str) -> &Sample {
        let found = self.tags.iter().find(|(name, _)| name == tag);
        &found.unwrap_or_else(|| panic!("there is no tag {tag}")).1
    }
}

/// Takes a manifest and all that is below it.
async fn sample(client: &Client, repository: &str, reference: &str) -> Sample {
    let found = client.manifest(repository, reference).await;
    let (media_type, bytes) = found.unwrap_or_else(|| panic!("{repository} has no {reference}"));
    let manifest: Value = serde_json::from_slice(&bytes).expect("a manifest is JSON");
    let mut sample = Sample::raw(&media_type, bytes);
    let digests = |field: &str| -> Vec<String> {
        let list = manifest[field].as_array().into_iter().flatten();
        list.map(|one| text(&one["digest"]).to_owned()).collect()
    };
    for child in digests("manifests") {
        sample.children.push(Box::pin(self::sample(client, repository, &child)).await);
    }
    let config = manifest["config"]["digest"].as_str().map(str::to_owned);
    for blob in config.into_iter().chain(digests("layers")) {
        let bytes: Option<Bytes> = client.blob(repository, &blob).await;
        sample.blobs.push(bytes.unwrap_or_else(|| panic!("{repository} has no blob {blob}")));
    }
    sample.artifact_type = manifest["artifactType"].as_str().map(str::to_owned);
    sample
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a descriptor has a digest")
}
