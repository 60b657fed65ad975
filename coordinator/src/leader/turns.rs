//! At most one job at a time for a tag of a destination, and for a root in a repository of one.
//!
//! A job that comes second waits until the first has ended, and is then looked at again: usually there
//! is nothing left to do. It keeps others out from the moment its turn comes.

use std::collections::{HashMap, VecDeque};

use mirror_model::{JobId, RunId};
use mirror_oci::{Digest, Place, TagRef};

/// What a job keeps others from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A tag.
    Tag(TagRef),
    /// A root in a repository.
    Root(Place, Digest),
}

type Holder = (RunId, JobId);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    held: HashMap<Key, Holder>,
    waiting: HashMap<Key, VecDeque<Holder>>,
}

impl Turns {
    /// Takes `keys` for a job, all or none; where one is held, the job waits for that one.
    pub(crate) fn take(&mut self, holder: Holder, keys: &[Key]) -> bool {
        let is_taken = |key: &&Key| self.held.get(*key).is_some_and(|other| *other != holder);
        match keys.iter().find(is_taken) {
            Some(key) => {
                self.waiting.entry(key.clone()).or_default().push_back(holder);
                false
            }
            None => {
                self.held.extend(keys.iter().map(|key| (key.clone(), holder)));
                true
            }
        }
    }

    /// Gives back what a job held; returns the jobs that waited for it: they take their keys anew.
    pub(crate) fn give(&mut self, holder: Holder, keys: &[Key]) -> Vec<Holder> {
        let mut freed = Vec::new();
        for key in keys {
            if self.held.get(key) == Some(&holder) {
                self.held.remove(key);
                freed.extend(self.waiting.remove(key).unwrap_or_default());
            }
        }
        freed
    }

    /// A job does not wait any more.
    pub(crate) fn leave(&mut self, holder: Holder, keys: &[Key]) {
        for key in keys {
            if let Some(waiting) = self.waiting.get_mut(key) {
                waiting.retain(|other| *other != holder);
                if waiting.is_empty() {
                    self.waiting.remove(key);
                }
            }
        }
    }
}
