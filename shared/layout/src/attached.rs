//! What is attached to what: the subjects of the manifests that `index.json` names.
//!
//! A subject stands in the manifest alone, so each is read for it, once; whoever asks for another
//! subject, or again after `index.json` has changed, finds it known. What is attached is read again when
//! it is listed: annotations of a whole layout are not held in memory.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use mirror_oci::{Digest, MAX_REFERRERS, Referrer};
use serde::de::Error as _;

use crate::LayoutError;
use crate::index::{Index, Pointer};
use crate::manifests::{read_manifest, read_referrers};
use crate::tree::INDEX;

/// Manifests whose subjects are remembered, as many as `index.json` has room for; beyond them they are
/// read again.
const MAX_KNOWN: usize = 200_000;
/// Manifests that one list is made of: 6 KiB each of as many as there may be. They have some two.
const MAX_LISTED_BYTES: usize = 64 << 20;

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// By a manifest: its subject, if it has one.
    known: HashMap<Digest, Option<Digest>>,
    /// All of one `index.json`.
    latest: Option<(Arc<Index>, BySubject)>,
}

/// By a subject: what is attached to it, in the order of `index.json`, each once.
type BySubject = HashMap<Digest, Vec<Digest>>;

impl Attached {
    /// Lists what is attached to `subject` in the layout at `path`, whose `index.json` says `index`:
    /// first what it names, then what else the fallback tag lists, which regctl writes.
    pub(crate) fn to(
        &mut self,
        subject: Digest,
        path: &Path,
        index: &Arc<Index>,
    ) -> Result<Vec<Referrer>, LayoutError> {
        let too_many = |what, most| {
            let path = path.to_owned();
            Err(LayoutError::TooMany { path, subject, what, most })
        };
        let named = self.named(path, index)?.get(&subject).map(Vec::as_slice).unwrap_or_default();
        let mut seen: HashSet<Digest> = named.iter().copied().collect();
        let mut referrers = Vec::new();
        let mut bytes = 0;
        for digest in named.iter().take(MAX_REFERRERS + 1) {
            let manifest = read_manifest(path, *digest, index.media_type(digest))?;
            bytes += manifest.bytes.len();
            if bytes > MAX_LISTED_BYTES {
                return too_many("bytes of referrers", MAX_LISTED_BYTES);
            }
            referrers.push(manifest.referrer());
        }
        let tag = subject.fallback_tag();
        let index_path = || path.join(INDEX);
        match index.pointer(&tag) {
            None => {}
            Some(Pointer::To(digest, media_type)) => {
                let listed = read_referrers(path, *digest, media_type)?;
                let fresh =
                    listed.referrers().iter().filter(|one| seen.insert(one.descriptor.digest));
                referrers.extend(fresh.cloned());
            }
            Some(Pointer::Ambiguous) => {
                return Err(LayoutError::Ambiguous { path: index_path(), tag });
            }
            Some(Pointer::Unreadable) => {
                return Err(LayoutError::NoDigest { path: index_path(), tag });
            }
        }
        if referrers.len() > MAX_REFERRERS {
            return too_many("referrers", MAX_REFERRERS);
        }
        Ok(referrers)
    }

    /// Returns what `index` names, by subject.
    fn named(&mut self, path: &Path, index: &Arc<Index>) -> Result<&BySubject, LayoutError> {
        let is_latest = |latest: &(Arc<Index>, BySubject)| Arc::ptr_eq(&latest.0, index);
        if !self.latest.as_ref().is_some_and(is_latest) {
            self.latest = None;
            let named = self.scan(path, index)?;
            self.latest = Some((Arc::clone(index), named));
        }
        let (_, named) = self.latest.get_or_insert_with(|| (Arc::clone(index), BySubject::new()));
        Ok(named)
    }

    /// Reads the manifests that are not known yet.
    ///
    /// An entry without a tag is all that leads to its manifest: where that cannot be read, nobody can
    /// know what it is attached to, and no list would be whole. One that has a tag is somebody's
    /// image first: that it cannot be read is said where the tag is copied, and no fault of what is
    /// attached to others.
    fn scan(&mut self, path: &Path, index: &Index) -> Result<BySubject, LayoutError> {
        let mut by_subject = BySubject::new();
        let mut seen = HashSet::new();
        for entry in &index.entries {
            let Some(digest) = entry.digest else {
                if entry.has_tag {
                    continue;
                }
                let source = serde_json::Error::custom("an entry has no sha256 or sha512 digest");
                return Err(LayoutError::Json { path: path.join(INDEX), source });
            };
            let media_type = index.media_type(&digest);
            if media_type.is_some_and(|one| !one.is_manifest()) || !seen.insert(digest) {
                continue;
            }
            let found = match self.known.get(&digest) {
                Some(known) => *known,
                None => match read_manifest(path, digest, media_type) {
                    Ok(manifest) => {
                        let found = manifest.subject.map(|subject| subject.digest);
                        if self.known.len() < MAX_KNOWN {
                            self.known.insert(digest, found);
                        }
                        found
                    }
                    Err(_) if entry.has_tag => None,
                    Err(error) => return Err(error),
                },
            };
            if let Some(found) = found {
                by_subject.entry(found).or_default().push(digest);
            }
        }
        Ok(by_subject)
    }
}
