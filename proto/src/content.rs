//! Digests, pins, repositories and tags, by the grammar of `oci`.

use mirror_model::{Pin, Seen};
use mirror_oci::{
    Digest, MediaType, Place, RegistryHost, RepositoryName, RepositoryRef, Tag, TagRef,
};

use crate::path::{At, needed};
use crate::wire::job::v1 as wire;
use crate::{Invalid, text};

pub(crate) fn digest_to(digest: Digest) -> wire::Digest {
    wire::Digest { value: digest_bytes(digest) }
}

pub(crate) fn digest_bytes(digest: Digest) -> Vec<u8> {
    match digest {
        Digest::Sha256(value) => value.to_vec(),
        Digest::Sha512(value) => value.to_vec(),
    }
}

pub(crate) fn digest_from(digest: Option<wire::Digest>) -> Result<Digest, Invalid> {
    digest_of(&needed(digest)?.value)
}

pub(crate) fn digest_of(value: &[u8]) -> Result<Digest, Invalid> {
    if let Ok(value) = <[u8; 32]>::try_from(value) {
        return Ok(Digest::Sha256(value));
    }
    match <[u8; 64]>::try_from(value) {
        Ok(value) => Ok(Digest::Sha512(value)),
        Err(_) if value.is_empty() => Err(Invalid::absent()),
        Err(_) => Err(Invalid::value(format!("a digest has 32 or 64 bytes, not {}", value.len()))),
    }
}

/// Writes a pin as its digest and media type, the latter empty where nobody said.
pub(crate) fn pin_to(pin: &Pin) -> (wire::Digest, String) {
    let media_type = pin.media_type.as_ref().map(ToString::to_string).unwrap_or_default();
    (digest_to(pin.digest), media_type)
}

/// Reads a pin from the fields `root` and `media_type`.
pub(crate) fn pin_from(root: Option<wire::Digest>, media_type: &str) -> Result<Pin, Invalid> {
    let digest = digest_from(root).at("root")?;
    let media_type = match media_type {
        "" => None,
        text => Some(media_type_from(text).at("media_type")?),
    };
    Ok(Pin { digest, media_type })
}

pub(crate) fn media_type_from(text: &str) -> Result<MediaType, Invalid> {
    if text.is_empty() {
        return Err(Invalid::absent());
    }
    let refused = || Invalid::value("it is no media type without parameters");
    MediaType::parse(text).filter(|read| read.as_str() == text).ok_or_else(refused)
}

pub(crate) fn place_to(place: &Place) -> Result<wire::Repository, Invalid> {
    match place {
        Place::Registry(RepositoryRef { host, name }) => {
            Ok(wire::Repository { host: host.to_string(), name: name.to_string() })
        }
        Place::Layout(_) => Err(Invalid::Layout { field: String::new() }),
    }
}

pub(crate) fn place_from(repository: Option<wire::Repository>) -> Result<Place, Invalid> {
    let wire::Repository { host, name } = needed(repository)?;
    let host = text::name_from(host)
        .and_then(|host| host.parse::<RegistryHost>().map_err(|error| Invalid::grammar(&error)));
    let name = text::name_from(name)
        .and_then(|name| name.parse::<RepositoryName>().map_err(|error| Invalid::grammar(&error)));
    let (host, name) = (host.at("host")?, name.at("name")?);
    // Both may be well-formed and no repository together: a host without a dot is none.
    let together = format!("{host}/{name}").parse::<RepositoryRef>();
    together.map(Place::Registry).map_err(|error| Invalid::grammar(&error))
}

pub(crate) fn tag_text_from(tag: &str) -> Result<Tag, Invalid> {
    if tag.is_empty() {
        return Err(Invalid::absent());
    }
    tag.parse().map_err(|error| Invalid::grammar(&error))
}

/// Writes a tag.
///
/// # Errors
/// [`Invalid::Layout`] for a tag of a layout.
pub fn tag_to(tag: &TagRef) -> Result<wire::TagRef, Invalid> {
    let repository = place_to(&tag.place).at("tag.repository")?;
    Ok(wire::TagRef { repository: Some(repository), tag: tag.tag.to_string() })
}

/// Reads a tag.
///
/// # Errors
/// [`Invalid`] names the field, below `tag`.
pub fn tag_from(tag: Option<wire::TagRef>) -> Result<TagRef, Invalid> {
    tag_ref_from(tag).at("tag")
}

pub(crate) fn tag_ref_from(tag: Option<wire::TagRef>) -> Result<TagRef, Invalid> {
    let wire::TagRef { repository, tag } = needed(tag)?;
    let place = place_from(repository).at("repository")?;
    Ok(TagRef { place, tag: tag_text_from(&tag).at("tag")? })
}

/// Writes what was seen.
pub fn seen_to(seen: Seen) -> wire::Seen {
    use wire::seen::{self, What};
    let what = match seen {
        Seen::Absent => What::Absent(seen::Absent {}),
        Seen::Present(digest) => What::Present(digest_to(digest)),
        Seen::Unknown => What::Unknown(seen::Unknown {}),
    };
    wire::Seen { what: Some(what) }
}

/// Reads what was seen.
///
/// # Errors
/// [`Invalid`] names the field, below `seen`.
pub fn seen_from(seen: Option<wire::Seen>) -> Result<Seen, Invalid> {
    use wire::seen::What;
    let read = |what| match what {
        What::Absent(_) => Ok(Seen::Absent),
        What::Present(digest) => digest_from(Some(digest)).at("present").map(Seen::Present),
        What::Unknown(_) => Ok(Seen::Unknown),
    };
    needed(seen.and_then(|seen| seen.what)).and_then(read).at("seen")
}
