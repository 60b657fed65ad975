//! What entries are called: in every line of a run as its config writes them.
//!
//! Who executes a job knows places alone, where a layout is an absolute path and Docker Hub's
//! `nginx` is `library/nginx`. A reader looks for what the config says, in each line about a tag.

use mirror_model::{EntryIndex, Event};

/// An entry as its config writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryNames {
    /// The source; `<repository>/<chart>` for a chart.
    pub source: String,
    /// The destination repository.
    pub destination: String,
}

/// The entries of a run; none before it begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries(Vec<EntryNames>);

impl Entries {
    /// Takes note of a run's entries.
    pub(crate) fn of(entries: &[EntryNames]) -> Self {
        Self(entries.to_vec())
    }

    /// Puts the config's words into an event that has others.
    pub(crate) fn put_into(&self, event: &mut Event) {
        match event {
            Event::JobStarted { job, source, destination } => {
                if let Some(names) = self.get(job.entry) {
                    rename(source, &names.source);
                    rename(destination, &names.destination);
                }
            }
            Event::JobRetrying { job, source, .. } => {
                if let Some(names) = self.get(job.entry) {
                    rename(source, &names.source);
                }
            }
            Event::EntryPlanned { .. }
            | Event::EntryFailed { .. }
            | Event::JobSized { .. }
            | Event::BytesSent { .. }
            | Event::BlobSettled { .. }
            | Event::ManifestPushed { .. }
            | Event::FallbackTag { .. }
            | Event::RowSettled { .. }
            | Event::Warning(_) => {}
        }
    }

    fn get(&self, entry: EntryIndex) -> Option<&EntryNames> {
        self.0.get(entry.0)
    }
}

/// Gives `<place>:<tag>` another place. A tag has no colon in it.
fn rename(reference: &mut String, place: &str) {
    if let Some((_, tag)) = reference.rsplit_once(':') {
        let place = place.strip_prefix("oci://").unwrap_or(place);
        *reference = format!("{place}:{tag}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::started;

    fn entries() -> Entries {
        Entries::of(&[EntryNames {
            source: "oci-layout://in".to_owned(),
            destination: "docker.io/app".to_owned(),
        }])
    }

    fn started_with(entries: &Entries, source: &str, destination: &str) -> (String, String) {
        let mut event = started(source, destination);
        entries.put_into(&mut event);
        let Event::JobStarted { source, destination, .. } = event else { panic!("{event:?}") };
        (source, destination)
    }

    #[test]
    fn a_job_is_called_what_the_config_calls_it() {
        let (places, words) = (
            ("oci-layout:///srv/in:put:1.0", "docker.io/library/app:1.0"),
            ("oci-layout://in:1.0", "docker.io/app:1.0"),
        );
        let (source, destination) = started_with(&entries(), places.0, places.1);
        assert_eq!((source.as_str(), destination.as_str()), words);
        let unknown = Entries::default();
        let (source, destination) = started_with(&unknown, places.0, places.1);
        assert_eq!((source.as_str(), destination.as_str()), places);
    }
}
