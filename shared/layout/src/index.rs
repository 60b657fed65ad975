//! `index.json`: what its entries say, and how tags and referrers are put into it; pure.
//!
//! A tag is an entry's `org.opencontainers.image.ref.name`. Where that is a whole reference
//! (`docker.io/library/nginx:1.27`, as `crane pull --annotate-ref` and `skopeo copy` write), its tag
//! counts unless another entry has just that tag, as in regctl. containerd and `BuildKit` write the
//! tag alone beside `io.containerd.image.name`, which therefore is not needed.
//!
//! Editing keeps what it does not change byte for byte: fields and entries of others stay as they
//! stand, in their order.

mod edit;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use mirror_oci::{Digest, JsonObject, MediaType, Tag};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use edit::{Update, edit};

/// An index that names nothing, as `oras` makes it.
pub(crate) const EMPTY: &str = concat!(
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","#,
    r#""manifests":[]}"#
);

/// What a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// One manifest.
    To(Digest, MediaType),
    /// A digest that is neither sha256 nor sha512.
    Unreadable,
    /// Entries that differ.
    Ambiguous,
}

/// What `index.json` says.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The tags in the order of their first entries, each once.
    pub(crate) tags: Vec<Tag>,
    /// What they stand for.
    pointers: HashMap<Tag, (Naming, Pointer)>,
    /// The entries in their order.
    pub(crate) entries: Vec<Named>,
    /// What the entries say that their manifests are.
    media_types: HashMap<Digest, MediaType>,
}

/// What an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The manifest; `None` where its digest is neither sha256 nor sha512.
    pub(crate) digest: Option<Digest>,
    /// Whether a tag leads to it.
    pub(crate) has_tag: bool,
}

/// How an entry names its tag; the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    /// The tag alone.
    Plain,
    /// A whole reference that ends in the tag.
    Reference,
}

impl Index {
    /// Reads `index.json`.
    pub(crate) fn parse(text: &[u8]) -> serde_json::Result<Self> {
        let object = JsonObject::parse_index(text)?;
        let mut index = Self::default();
        for entry in entries(&object)? {
            index.add(serde_json::from_str(entry.get())?);
        }
        Ok(index)
    }

    /// Returns what `tag` stands for.
    pub(crate) fn pointer(&self, tag: &Tag) -> Option<&Pointer> {
        self.pointers.get(tag).map(|(_, pointer)| pointer)
    }

    /// Returns what the manifest of `digest` is, where an entry says so.
    pub(crate) fn media_type(&self, digest: &Digest) -> Option<&MediaType> {
        self.media_types.get(digest)
    }

    fn add(&mut self, entry: Entry) {
        let digest = entry.digest.parse::<Digest>().ok();
        let media_type = entry.media_type.as_deref().and_then(MediaType::parse);
        if let (Some(digest), Some(media_type)) = (digest, &media_type) {
            self.media_types.entry(digest).or_insert_with(|| media_type.clone());
        }
        let name = entry.annotations.and_then(|annotations| annotations.ref_name);
        let tag = name.as_deref().and_then(tag_of);
        self.entries.push(Named { digest, has_tag: tag.is_some() });
        let Some((tag, naming)) = tag else { return };
        let media_type = media_type.unwrap_or_else(MediaType::octet_stream);
        let pointer = digest.map_or(Pointer::Unreadable, |digest| Pointer::To(digest, media_type));
        match self.pointers.entry(tag) {
            Slot::Vacant(slot) => {
                self.tags.push(slot.key().clone());
                slot.insert((naming, pointer));
            }
            Slot::Occupied(mut slot) => {
                let (present_naming, present) = slot.get_mut();
                if naming < *present_naming {
                    slot.insert((naming, pointer));
                } else if naming == *present_naming && !present.agrees(&pointer) {
                    *present = Pointer::Ambiguous;
                }
            }
        }
    }
}

impl Pointer {
    /// Returns whether both stand for the same content.
    fn agrees(&self, other: &Self) -> bool {
        matches!((self, other), (Self::To(one, _), Self::To(another, _)) if one == another)
    }
}

/// Finds the tag in an entry's name.
fn tag_of(name: &str) -> Option<(Tag, Naming)> {
    if let Ok(tag) = name.parse() {
        return Some((tag, Naming::Plain));
    }
    let reference = name.split('@').next()?;
    let (repository, tag) = reference.rsplit_once(':')?;
    let tag = tag.parse().ok().filter(|_| !repository.is_empty())?;
    Some((tag, Naming::Reference))
}

/// Returns the entries as they stand. Go writes an empty list as `null`.
fn entries<'a>(object: &JsonObject<'a>) -> serde_json::Result<Vec<&'a RawValue>> {
    match object.get("manifests") {
        Some(list) => Ok(serde_json::from_str::<Option<_>>(list)?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// An entry, as far as tags need it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: Option<String>,
    digest: String,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    ref_name: Option<String>,
}

#[cfg(test)]
mod tests;
