//! What the scripted registry holds, and direct access to it for tests: to seed and to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use serde_json::Value;

use crate::digest::sha256;
use crate::judge::{Part, Whole, judge};
use crate::sample::Sample;

/// The repositories. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Store {
    state: Arc<Mutex<State>>,
}

/// Repositories and uploads.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) uploads_begun: u64,
}

/// One repository; nothing is shared with another.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeMap<String, Bytes>,
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) tags: BTreeMap<String, String>,
    /// Referrers that listings leave out, and how many of them still do.
    pub(super) unlisted: BTreeMap<String, usize>,
}

/// A manifest as it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The Content-Type it was put with.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// The digest of what it is attached to: read once, since listings ask for it of every manifest.
    pub(super) subject: Option<String>,
}

impl Manifest {
    pub(super) fn new(media_type: String, bytes: Bytes) -> Self {
        let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let subject = value["subject"]["digest"].as_str().map(ToOwned::to_owned);
        Self { media_type, bytes, subject }
    }
}

/// An upload that is under way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) bytes: Vec<u8>,
    /// Goes into the Location and changes with each answer: a stale Location is noticed.
    pub(super) turn: u64,
}

impl Store {
    /// Makes an empty repository, as registries want that create none on push.
    pub fn create(&self, repository: &str) {
        self.lock().repositories.entry(repository.to_owned()).or_default();
    }

    /// Puts a blob and returns its digest.
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        self.put_blob_as(repository, &digest, bytes);
        digest
    }

    /// Puts a blob under a digest that need not be its own: a corrupt blob.
    pub fn put_blob_as(&self, repository: &str, digest: &str, bytes: impl Into<Bytes>) {
        let mut state = self.lock();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.insert(digest.to_owned(), bytes.into());
    }

    /// Puts a manifest, whatever it names, and returns its digest.
    pub fn put_manifest(
        &self,
        repository: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let mut state = self.lock();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        let manifest = Manifest::new(media_type.to_owned(), bytes);
        repository.manifests.insert(digest.clone(), manifest);
        digest
    }

    /// Puts everything of `sample` without a tag and returns its digest.
    pub fn put(&self, repository: &str, sample: &Sample) -> String {
        for blob in sample.all_blobs() {
            self.put_blob(repository, blob);
        }
        for manifest in sample.manifests() {
            self.put_manifest(repository, &manifest.media_type, manifest.bytes.clone());
        }
        sample.digest()
    }

    /// Puts everything of `sample` and points `tag` to it; returns its digest.
    pub fn push(&self, repository: &str, tag: &str, sample: &Sample) -> String {
        let digest = self.put(repository, sample);
        self.tag(repository, tag, &digest);
        digest
    }

    /// Points `tag` to `digest`, whether that is there or not.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        let mut state = self.lock();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.tags.insert(tag.to_owned(), digest.to_owned());
    }

    /// Removes a tag.
    pub fn untag(&self, repository: &str, tag: &str) {
        self.change(repository, |repository| drop(repository.tags.remove(tag)));
    }

    /// Removes a blob, as a garbage collection does.
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.change(repository, |repository| drop(repository.blobs.remove(digest)));
    }

    /// Removes all blobs of a repository.
    pub fn remove_blobs(&self, repository: &str) {
        self.change(repository, |repository| repository.blobs.clear());
    }

    /// Removes a manifest; tags that point to it stay.
    pub fn remove_manifest(&self, repository: &str, digest: &str) {
        self.change(repository, |repository| drop(repository.manifests.remove(digest)));
    }

    /// Forgets every upload that is under way.
    pub fn lose_uploads(&self) {
        self.lock().uploads.clear();
    }

    /// Returns how many uploads are under way.
    pub fn uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    /// Returns the names of the repositories.
    pub fn repositories(&self) -> Vec<String> {
        self.lock().repositories.keys().cloned().collect()
    }

    /// Returns the tags of a repository, in the order of their bytes.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.read(repository, |found| Some(found.tags.keys().cloned().collect()))
            .unwrap_or_default()
    }

    /// Returns the digest that a tag points to.
    pub fn resolve(&self, repository: &str, tag: &str) -> Option<String> {
        self.read(repository, |found| found.tags.get(tag).cloned())
    }

    /// Returns a manifest by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Manifest> {
        self.read(repository, |found| found.manifest(reference).map(|(_, one)| one.clone()))
    }

    /// Returns a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.read(repository, |found| found.blobs.get(digest).cloned())
    }

    /// Returns the digests of the blobs of a repository.
    pub fn blobs(&self, repository: &str) -> BTreeSet<String> {
        self.read(repository, |found| Some(found.blobs.keys().cloned().collect()))
            .unwrap_or_default()
    }

    /// Returns the digests of the manifests of a repository.
    pub fn manifests(&self, repository: &str) -> BTreeSet<String> {
        self.read(repository, |found| Some(found.manifests.keys().cloned().collect()))
            .unwrap_or_default()
    }

    /// Judges what a tag or digest points to.
    ///
    /// # Errors
    /// Says what is missing or differs.
    pub fn judge(&self, repository: &str, reference: &str) -> Result<Whole, String> {
        let digest = if reference.contains(':') {
            reference.to_owned()
        } else {
            self.resolve(repository, reference)
                .ok_or_else(|| format!("{repository} has no tag {reference}"))?
        };
        judge(&digest, &|part, digest| match part {
            Part::Manifest => self.manifest(repository, digest).map(|manifest| manifest.bytes),
            Part::Blob => self.blob(repository, digest),
        })
    }

    /// Asserts that `tag` is exactly `sample`, whole, with the media types it was made with.
    #[track_caller]
    pub fn assert_holds(&self, repository: &str, tag: &str, sample: &Sample) {
        let digest = self.resolve(repository, tag);
        assert_eq!(digest, Some(sample.digest()), "{repository}:{tag}");
        if let Err(fault) = self.judge(repository, tag) {
            panic!("{repository}:{tag} is not whole: {fault}");
        }
        for manifest in sample.manifests() {
            let found = self.manifest(repository, &manifest.digest()).map(|one| one.media_type);
            assert_eq!(found.as_ref(), Some(&manifest.media_type), "{}", manifest.digest());
        }
    }

    /// Asserts that every tag of every repository is whole.
    #[track_caller]
    pub fn assert_whole(&self) {
        for repository in self.repositories() {
            for tag in self.tags(&repository) {
                if let Err(fault) = self.judge(&repository, &tag) {
                    panic!("{repository}:{tag} is not whole: {fault}");
                }
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the store")
    }

    fn read<T>(&self, name: &str, of: impl FnOnce(&Repository) -> Option<T>) -> Option<T> {
        self.lock().repositories.get(name).and_then(of)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Repository)) {
        if let Some(repository) = self.lock().repositories.get_mut(name) {
            change(repository);
        }
    }
}

impl Repository {
    /// Returns whether anybody would know of the repository. One without manifests is unknown where a
    /// push makes repositories, even if it has blobs, as with CNCF distribution.
    pub(super) fn is_known(&self, create_on_push: bool) -> bool {
        !create_on_push || !self.manifests.is_empty() || !self.tags.is_empty()
    }

    /// Returns a manifest and its digest.
    pub(super) fn manifest(&self, reference: &str) -> Option<(&str, &Manifest)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.get_key_value(digest).map(|(digest, found)| (digest.as_str(), found))
    }
}
