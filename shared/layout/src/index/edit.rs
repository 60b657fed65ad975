//! Putting tags and referrers into `index.json`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use mirror_oci::{Descriptor, Digest, JsonObject, Referrer, Tag};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Entry, entries};

/// The annotation that holds an entry's tag (image specification, annotations).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation by which containerd names what it imports.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// What is to be in `index.json`.
#[derive(Clone, Debug)]
pub(crate) enum Update {
    /// A tag, and the manifest that it is to stand for.
    Tag {
        /// The tag.
        tag: Tag,
        /// The manifest.
        manifest: Descriptor,
    },
    /// A manifest that has a subject.
    Attach {
        /// The manifest.
        referrer: Referrer,
        /// Its subject, where that is in the layout.
        subject: Option<Descriptor>,
    },
}

impl Update {
    /// The manifests whose entries it may concern.
    fn digests(&self) -> impl Iterator<Item = Digest> {
        let (manifest, subject) = match self {
            Self::Tag { manifest, .. } => (manifest.digest, None),
            Self::Attach { referrer, subject } => (referrer.descriptor.digest, subject.as_ref()),
        };
        [Some(manifest), subject.map(|subject| subject.digest)].into_iter().flatten()
    }
}

/// Returns `text` with `updates` in it, the later over the earlier; `None` where nothing changes.
///
/// As `oras` does it: an entry that has the tag is replaced in its place, else one of the same
/// manifest that has no name gets the tag, else an entry is added at the end. Further entries of the
/// tag go. An entry that names the tag by a whole reference belongs to whoever wrote it. What is
/// attached gets an entry at the end, unless its manifest has one, whatever its name; and so does its
/// subject before it, such as an image of an index, since oras finds nothing by a digest that no entry has.
pub(crate) fn edit(text: &[u8], updates: &[Update]) -> serde_json::Result<Option<Vec<u8>>> {
    let mut object = JsonObject::parse_index(text)?;
    let mut list = List::read(&entries(&object)?, updates)?;
    for update in updates {
        match update {
            Update::Tag { tag, manifest } => list.tag(tag, manifest)?,
            Update::Attach { referrer, subject } => {
                if let Some(subject) = subject {
                    list.attach(&bare(subject))?;
                }
                list.attach(referrer)?;
            }
        }
    }
    if !list.changed {
        return Ok(None);
    }
    object.set_list("manifests", list.entries.into_iter().flatten().collect());
    object.to_json().map(|json| Some(json.into_bytes()))
}

/// The entries, and where those are that the updates may concern: an index is large, a commit is not.
struct List<'a> {
    /// `None` where an entry was taken out.
    entries: Vec<Option<Cow<'a, str>>>,
    /// Where each tag stands; several where somebody only ever adds, as crane does.
    tagged: HashMap<String, Vec<Place>>,
    /// Where a manifest without a name stands first.
    unnamed: HashMap<String, usize>,
    /// How many entries a manifest has.
    counts: HashMap<String, usize>,
    changed: bool,
}

/// An entry that has a tag.
struct Place {
    at: usize,
    digest: String,
}

impl<'a> List<'a> {
    fn read(raw: &[&'a RawValue], updates: &[Update]) -> serde_json::Result<Self> {
        let tag = |update: &'_ Update| match update {
            Update::Tag { tag, .. } => Some(tag.to_string()),
            Update::Attach { .. } => None,
        };
        let tags: HashSet<String> = updates.iter().filter_map(tag).collect();
        let counts = updates.iter().flat_map(Update::digests).map(|digest| (digest.to_string(), 0));
        let mut list = Self {
            entries: raw.iter().map(|text| Some(Cow::Borrowed(text.get()))).collect(),
            tagged: HashMap::new(),
            unnamed: HashMap::new(),
            counts: counts.collect(),
            changed: false,
        };
        for (at, text) in raw.iter().enumerate() {
            let Entry { digest, annotations, .. } = serde_json::from_str(text.get())?;
            let name = annotations.and_then(|annotations| annotations.ref_name).unwrap_or_default();
            if let Some(count) = list.counts.get_mut(&digest) {
                *count += 1;
                if name.is_empty() {
                    list.unnamed.entry(digest.clone()).or_insert(at);
                }
            }
            if tags.contains(&name) {
                list.tagged.entry(name).or_default().push(Place { at, digest });
            }
        }
        Ok(list)
    }

    fn tag(&mut self, tag: &Tag, manifest: &Descriptor) -> serde_json::Result<()> {
        let digest = manifest.digest.to_string();
        let mut places = self.tagged.remove(tag.as_str()).unwrap_or_default().into_iter();
        let at = if let Some(first) = places.next() {
            if first.digest != digest {
                self.forget(&first.digest);
                self.put(first.at, &digest, describe(tag, manifest)?);
            }
            first.at
        } else if let Some(at) = self.unnamed.remove(&digest) {
            let entry = self.entries[at].as_deref().unwrap_or_default();
            let entry = name(entry, tag)?;
            self.forget(&digest);
            self.put(at, &digest, entry);
            at
        } else {
            self.entries.push(None);
            let at = self.entries.len() - 1;
            self.put(at, &digest, describe(tag, manifest)?);
            at
        };
        for further in places {
            self.entries[further.at] = None;
            self.forget(&further.digest);
            self.changed = true;
        }
        self.tagged.insert(tag.as_str().to_owned(), vec![Place { at, digest }]);
        Ok(())
    }

    fn attach(&mut self, referrer: &Referrer) -> serde_json::Result<()> {
        let digest = referrer.descriptor.digest.to_string();
        if self.counts.get(&digest).is_some_and(|count| *count > 0) {
            return Ok(());
        }
        // A name would make it a tag, and by the word of whoever wrote the manifest.
        let mut entry = referrer.clone();
        entry.annotations.retain(|key, _| key != REF_NAME && key != IMAGE_NAME);
        self.entries.push(None);
        let at = self.entries.len() - 1;
        self.put(at, &digest, entry.to_json()?);
        self.unnamed.insert(digest, at);
        Ok(())
    }

    fn put(&mut self, at: usize, digest: &str, entry: String) {
        self.entries[at] = Some(entry.into());
        *self.counts.entry(digest.to_owned()).or_default() += 1;
        self.changed = true;
    }

    /// Takes note that a manifest lost an entry.
    fn forget(&mut self, digest: &str) {
        if let Some(count) = self.counts.get_mut(digest) {
            *count -= 1;
        }
    }
}

/// Returns what an entry says of a manifest that it only names.
fn bare(manifest: &Descriptor) -> Referrer {
    let descriptor = Descriptor { artifact_type: None, ..manifest.clone() };
    Referrer { descriptor, annotations: BTreeMap::new() }
}

/// Returns a new entry.
fn describe(tag: &Tag, manifest: &Descriptor) -> serde_json::Result<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct NewEntry<'a> {
        media_type: &'a str,
        digest: String,
        size: u64,
        annotations: NewAnnotations<'a>,
    }
    #[derive(Serialize)]
    struct NewAnnotations<'a> {
        #[serde(rename = "org.opencontainers.image.ref.name")]
        ref_name: &'a str,
    }

    serde_json::to_string(&NewEntry {
        media_type: manifest.media_type.as_str(),
        digest: manifest.digest.to_string(),
        size: manifest.size,
        annotations: NewAnnotations { ref_name: tag.as_str() },
    })
}

/// Returns `entry` with `tag` for its name.
fn name(entry: &str, tag: &Tag) -> serde_json::Result<String> {
    let mut object = JsonObject::parse(entry)?;
    let annotations = object.get("annotations").filter(|text| *text != "null");
    let mut annotations = annotations.map(JsonObject::parse).transpose()?.unwrap_or_default();
    annotations.set(REF_NAME, serde_json::to_string(tag.as_str())?);
    object.set("annotations", annotations.to_json()?);
    object.to_json()
}
