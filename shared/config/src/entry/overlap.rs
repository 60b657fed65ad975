//! Entries that write the same repository and could write the same tag: a warning each.
//!
//! Whether they do is known when their tags are; then the second job with another digest fails.

use std::collections::HashMap;

use mirror_model::{Entry, EntrySource};
use mirror_oci::Place;

/// What is known of the tags that the entries of one destination write.
#[derive(Default)]
struct Writers {
    /// The first entry for each tag that is an entry's only one.
    only: HashMap<String, usize>,
    /// An entry that may write many.
    many: Option<usize>,
    is_warned: bool,
}

/// Returns a warning for each destination that two entries could write the same tag of.
pub(crate) fn overlaps(entries: &[Entry]) -> Vec<String> {
    let first_chart = entries
        .iter()
        .position(|entry| matches!(entry.source, EntrySource::Chart(_)))
        .unwrap_or(entries.len());
    let path = |index: usize| match index.checked_sub(first_chart) {
        None => format!("artifacts[{index}]"),
        Some(chart) => format!("charts[{chart}]"),
    };
    let mut warnings = Vec::new();
    let mut writers: HashMap<&Place, Writers> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let writers = writers.entry(&entry.destination).or_default();
        if writers.is_warned {
            continue;
        }
        if let Some(other) = writers.add(index, entry, entries) {
            writers.is_warned = true;
            warnings.push(format!(
                "{} and {} both write {}: a tag that both select with different digests will fail \
                 for the second",
                path(other),
                path(index),
                entry.destination_name,
            ));
        }
    }
    warnings
}

impl Writers {
    /// Adds an entry; returns one that could write the same tag.
    fn add(&mut self, index: usize, entry: &Entry, entries: &[Entry]) -> Option<usize> {
        let selects = |entry: &Entry, tag: &str| entry.selector.exclusion(tag).is_none();
        if let Some(tag) = only_tag(entry) {
            if !selects(entry, &tag) {
                return None;
            }
            let many = self.many.filter(|many| selects(&entries[*many], &tag));
            let same = self.only.get(&tag).copied();
            self.only.entry(tag).or_insert(index);
            return same.or(many);
        }
        let mut only: Vec<_> = self.only.iter().collect();
        only.sort_by_key(|(_, index)| **index);
        let same = only.into_iter().find(|(tag, _)| selects(entry, tag));
        let other = self.many.or(same.map(|(_, index)| *index));
        self.many = Some(index);
        other
    }
}

/// Returns the tag, if a pattern lets only one through.
fn only_tag(entry: &Entry) -> Option<String> {
    let regex = entry.selector.spec().regex.as_ref()?;
    let tag = regex.pattern.strip_prefix('^')?.strip_suffix('$')?.replace("\\.", "\u{0}");
    let is_literal =
        tag.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '\u{0}'));
    is_literal.then(|| tag.replace('\u{0}', "."))
}
