//! What is attached to a job's content, and what a destination held of it: in tables and packed bytes, so
//! that ten thousand of them fit a job.

use std::collections::HashMap;
use std::hash::Hash;

use mirror_model::{Attached, MAX_ATTACHED, Seen, Sight};
use mirror_oci::{Descriptor, Digest, Tag};

use crate::Invalid;
use crate::content::{digest_bytes, digest_of, media_type_from, tag_text_from};
use crate::path::{At, needed};
use crate::text::{index_from, index_to, text_from, text_to};
use crate::wire::job::v1 as wire;

/// What [`wire::Sights`] has in a byte: what was held, in the low bits.
const ABSENT: u8 = 1;
const OWN: u8 = 2;
const OTHER: u8 = 3;
const UNKNOWN: u8 = 4;
/// And, beside it, whether it is listed.
const LISTED: u8 = 8;

/// Writes what is attached; `None` where nothing is. What was seen of it is for [`sights_to`].
pub(crate) fn attachments_to(referrers: &[Attached]) -> Option<wire::Attachments> {
    let (mut subjects, mut media_types) = (Table::default(), Table::default());
    let mut artifact_types = Table::default();
    let rows = referrers.iter().map(|attached| {
        let Descriptor { media_type, digest, size, artifact_type } = &attached.descriptor;
        let name = attached.name.as_ref();
        wire::Attachment {
            digest: digest_bytes(*digest),
            subject: subjects.place(attached.subject),
            media_type: media_types.place(media_type.as_str()),
            artifact_type: artifact_type.as_deref().map_or(0, |text| artifact_types.place(text)),
            size: *size,
            name: name.map(|name| name_to(name, attached.subject)).unwrap_or_default(),
        }
    });
    let rows: Vec<wire::Attachment> = rows.collect();
    (!rows.is_empty()).then(|| wire::Attachments {
        subjects: subjects.values.into_iter().map(digest_bytes).collect(),
        media_types: media_types.values.into_iter().map(str::to_owned).collect(),
        artifact_types: artifact_types.values.into_iter().map(text_to).collect(),
        rows,
    })
}

/// Reads what is attached, none of it looked at.
pub(crate) fn attachments_from(attachments: wire::Attachments) -> Result<Vec<Attached>, Invalid> {
    let wire::Attachments { subjects, media_types, artifact_types, rows } = attachments;
    bounded(rows.len()).at("rows")?;
    let tables = Tables {
        subjects: all(subjects, "subjects", |bytes| digest_of(&bytes))?,
        media_types: all(media_types, "media_types", |text| media_type_from(&text))?,
        artifact_types: all(artifact_types, "artifact_types", text_from)?,
    };
    all(rows, "rows", |row| attached_from(row, &tables))
}

struct Tables {
    subjects: Vec<Digest>,
    media_types: Vec<mirror_oci::MediaType>,
    artifact_types: Vec<String>,
}

fn attached_from(row: wire::Attachment, tables: &Tables) -> Result<Attached, Invalid> {
    let wire::Attachment { digest, subject, media_type, artifact_type, size, name } = row;
    let subject = placed(&tables.subjects, subject).and_then(needed).at("subject")?;
    let media_type = placed(&tables.media_types, media_type).and_then(needed).at("media_type")?;
    let artifact_type = placed(&tables.artifact_types, artifact_type).at("artifact_type")?;
    let digest = digest_of(&digest).at("digest")?;
    let name = name_from(&name, subject).at("name")?;
    let descriptor = Descriptor { media_type, digest, size, artifact_type };
    Ok(Attached { subject, descriptor, name, listed: false, seen: Seen::Unknown })
}

/// A name behind the fallback tag of its subject is written as what follows it: no tag begins with a dot.
fn name_to(name: &Tag, subject: Digest) -> String {
    let fallback = subject.fallback_tag();
    let rest = name.as_str().strip_prefix(fallback.as_str());
    rest.filter(|rest| rest.starts_with('.')).unwrap_or(name.as_str()).to_owned()
}

fn name_from(name: &str, subject: Digest) -> Result<Option<Tag>, Invalid> {
    match name {
        "" => Ok(None),
        rest if rest.starts_with('.') => {
            tag_text_from(&format!("{}{rest}", subject.fallback_tag())).map(Some)
        }
        whole => tag_text_from(whole).map(Some),
    }
}

/// Writes what was seen of each that is attached, whose own digest is given where it is known to whoever
/// reads this; `None` where nothing is attached.
pub(crate) fn sights_to(
    sights: impl IntoIterator<Item = (Sight, Option<Digest>)>,
) -> Option<wire::Sights> {
    let mut others = Vec::new();
    let states = sights.into_iter().map(|(Sight { seen, listed }, own)| {
        let state = match seen {
            Seen::Absent => ABSENT,
            Seen::Present(digest) if Some(digest) == own => OWN,
            Seen::Present(digest) => {
                others.push(digest_bytes(digest));
                OTHER
            }
            Seen::Unknown => UNKNOWN,
        };
        state | if listed { LISTED } else { 0 }
    });
    let states: Vec<u8> = states.collect();
    (!states.is_empty()).then_some(wire::Sights { states, others })
}

/// Reads what was seen of each that is attached; `own` are their own digests, where those are known.
pub(crate) fn sights_from(sights: wire::Sights, own: &[Digest]) -> Result<Vec<Sight>, Invalid> {
    let wire::Sights { states, others } = sights;
    bounded(states.len()).at("states")?;
    let told = states.iter().filter(|state| **state & !LISTED == OTHER).count();
    if told != others.len() {
        let reason = format!("{} are there, and the states tell of {told}", others.len());
        return Err(Invalid::value(reason)).at("others");
    }
    let mut others = all(others, "others", |bytes| digest_of(&bytes))?.into_iter();
    let mut own = own.iter().copied();
    all(states, "states", |state| {
        let own = own.next();
        let seen = match state & !LISTED {
            0 => return Err(Invalid::absent()),
            ABSENT => Seen::Absent,
            OWN => {
                let unknown = || Invalid::value("nothing here says what its own digest is");
                Seen::Present(own.ok_or_else(unknown)?)
            }
            OTHER => Seen::Present(others.next().ok_or_else(Invalid::absent)?),
            UNKNOWN => Seen::Unknown,
            state => {
                let reason = format!("{state} is none that this version knows");
                return Err(Invalid::value(reason));
            }
        };
        Ok(Sight { seen, listed: state & LISTED != 0 })
    })
}

/// Refuses lists that are empty, or longer than those that anybody writes.
fn bounded(rows: usize) -> Result<(), Invalid> {
    match rows {
        0 => Err(Invalid::absent()),
        _ if rows > MAX_ATTACHED => {
            Err(Invalid::value(format!("there are {rows}, {MAX_ATTACHED} are allowed")))
        }
        _ => Ok(()),
    }
}

/// Reads each item of a list.
fn all<W, T>(
    items: Vec<W>,
    list: &str,
    mut read: impl FnMut(W) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let items = items.into_iter().enumerate();
    items.map(|(index, item)| read(item).at_item(list, index)).collect()
}

/// What many rows have in common, each once, in the order in which they are met.
pub(crate) struct Table<T> {
    places: HashMap<T, u32>,
    pub(crate) values: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Copy + Eq + Hash> Table<T> {
    /// Returns the place of a value, from 1.
    pub(crate) fn place(&mut self, value: T) -> u32 {
        *self.places.entry(value).or_insert_with(|| {
            self.values.push(value);
            index_to(self.values.len())
        })
    }
}

/// Returns what a table has in a place; `None` for 0.
pub(crate) fn placed<T: Clone>(table: &[T], place: u32) -> Result<Option<T>, Invalid> {
    let Some(index) = index_from(place).checked_sub(1) else { return Ok(None) };
    let beyond = || Invalid::value(format!("the table has {} places, not {place}", table.len()));
    table.get(index).cloned().map(Some).ok_or_else(beyond)
}
