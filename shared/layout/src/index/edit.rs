//! Putting tags into `index.json`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use mirror_oci::{Descriptor, JsonObject, Tag};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Entry, entries};

/// The annotation that holds an entry's tag (image specification, annotations).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A tag, and the manifest that it is to stand for.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// The tag.
    pub(crate) tag: Tag,
    /// The manifest.
    pub(crate) manifest: Descriptor,
}

/// Returns `text` with `updates` in it, the later over the earlier; `None` where nothing changes.
///
/// As `oras` does it: an entry that has the tag is replaced in its place, else one of the same
/// manifest that has no name gets the tag, else an entry is added at the end. Further entries of the
/// tag go. An entry that names the tag by a whole reference belongs to whoever wrote it.
pub(crate) fn edit(text: &[u8], updates: &[Update]) -> serde_json::Result<Option<Vec<u8>>> {
    let mut object = JsonObject::parse_index(text)?;
    let mut list = List::read(&entries(&object)?, updates)?;
    for update in updates {
        list.apply(update)?;
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
    changed: bool,
}

/// An entry that has a tag.
struct Place {
    at: usize,
    digest: String,
}

impl<'a> List<'a> {
    fn read(raw: &[&'a RawValue], updates: &[Update]) -> serde_json::Result<Self> {
        let tags: HashSet<&str> = updates.iter().map(|update| update.tag.as_str()).collect();
        let digests = updates.iter().map(|update| update.manifest.digest.to_string());
        let digests: HashSet<String> = digests.collect();
        let mut list = Self {
            entries: raw.iter().map(|text| Some(Cow::Borrowed(text.get()))).collect(),
            tagged: HashMap::new(),
            unnamed: HashMap::new(),
            changed: false,
        };
        for (at, text) in raw.iter().enumerate() {
            let Entry { digest, annotations, .. } = serde_json::from_str(text.get())?;
            let name = annotations.and_then(|annotations| annotations.ref_name).unwrap_or_default();
            if tags.contains(name.as_str()) {
                list.tagged.entry(name).or_default().push(Place { at, digest });
            } else if name.is_empty() && digests.contains(&digest) {
                list.unnamed.entry(digest).or_insert(at);
            }
        }
        Ok(list)
    }

    fn apply(&mut self, update: &Update) -> serde_json::Result<()> {
        let digest = update.manifest.digest.to_string();
        let mut places = self.tagged.remove(update.tag.as_str()).unwrap_or_default().into_iter();
        let at = if let Some(first) = places.next() {
            if first.digest != digest {
                self.put(first.at, describe(update)?);
            }
            first.at
        } else if let Some(at) = self.unnamed.remove(&digest) {
            let entry = self.entries[at].as_deref().unwrap_or_default();
            self.put(at, name(entry, &update.tag)?);
            at
        } else {
            self.entries.push(None);
            self.put(self.entries.len() - 1, describe(update)?);
            self.entries.len() - 1
        };
        for further in places {
            self.entries[further.at] = None;
            self.changed = true;
        }
        self.tagged.insert(update.tag.as_str().to_owned(), vec![Place { at, digest }]);
        Ok(())
    }

    fn put(&mut self, at: usize, entry: String) {
        self.entries[at] = Some(entry.into());
        self.changed = true;
    }
}

/// Returns a new entry.
fn describe(update: &Update) -> serde_json::Result<String> {
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

    let Update { tag, manifest } = update;
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
