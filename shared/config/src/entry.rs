//! Entries: what is to be mirrored, checked before anything is asked of the network.

mod chart;
mod overlap;
mod select;

use mirror_model::{Entry, EntrySource, GoDuration, Identity, VerifyPolicy};
use mirror_oci::{Place, RepositoryRef};
use mirror_selector::Pattern;

use crate::error::Violations;
use crate::host::given;
use crate::layouts::{Layouts, SCHEME};
use crate::raw;
pub(crate) use overlap::overlaps;

/// The only judge of signatures there is.
const COSIGN: &str = "cosign";

/// What fields of an entry are judged with.
pub(crate) struct EntryJudge<'j> {
    /// Where layouts may be.
    pub(crate) layouts: &'j Layouts,
    /// What is wrong.
    pub(crate) violations: &'j mut Violations,
}

impl EntryJudge<'_> {
    /// Judges all artifacts, then all charts; an entry with a violation is left out.
    pub(crate) fn entries(
        &mut self,
        artifacts: Vec<raw::Artifact>,
        charts: Vec<raw::Chart>,
    ) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(artifacts.len() + charts.len());
        for (index, artifact) in artifacts.into_iter().enumerate() {
            entries.extend(self.artifact(&format!("artifacts[{index}]"), artifact));
        }
        for (index, chart) in charts.into_iter().enumerate() {
            entries.extend(self.chart(&format!("charts[{index}]"), chart));
        }
        entries
    }

    fn artifact(&mut self, path: &str, artifact: raw::Artifact) -> Option<Entry> {
        let source = self.place(&format!("{path}.source"), artifact.source);
        let destination = self.place(&format!("{path}.destination"), artifact.destination);
        let selector = self.selector(&format!("{path}.selector"), artifact.selector);
        let verify = artifact.verify.map(|verify| self.verify(&format!("{path}.verify"), verify));
        let (source_name, place) = source?;
        let (destination_name, destination) = destination?;
        Some(Entry {
            source_name,
            destination_name,
            source: EntrySource::Artifact {
                place,
                referrers: artifact.include_referrers.unwrap_or_default(),
                verify,
            },
            destination,
            selector: selector?,
            overwrite: artifact.overwrite.unwrap_or_default(),
        })
    }

    /// Returns a place and its name as the config writes it.
    fn place(&mut self, path: &str, text: Option<String>) -> Option<(String, Place)> {
        let text = self.required(path, text)?;
        let place = if let Some(folder) = text.strip_prefix(SCHEME) {
            match self.layouts.resolve(folder) {
                Ok(layout) => Ok(Place::Layout(layout)),
                Err(error) => {
                    self.violations.add_error(path, &error);
                    return None;
                }
            }
        } else {
            text.parse::<RepositoryRef>().map(Place::Registry)
        };
        match place {
            Ok(place) => Some((text, place)),
            Err(error) => {
                self.violations.add_error(path, &error);
                None
            }
        }
    }

    fn verify(&mut self, path: &str, verify: raw::Verify) -> VerifyPolicy {
        match self.required(&format!("{path}.provider"), verify.provider).as_deref() {
            Some(COSIGN) | None => {}
            Some(_) => self.violations.add(format!("{path}.provider"), format!("is not {COSIGN}")),
        }
        let min_age = self.min_age(&format!("{path}.minAge"), given(verify.min_age));
        let path = format!("{path}.matchOIDCIdentity");
        let identities = verify.identities.unwrap_or_default();
        if identities.is_empty() {
            self.violations.add(&path, "at least one identity is required");
        }
        let identities = identities.into_iter().enumerate();
        let identities = identities
            .filter_map(|(index, identity)| self.identity(&format!("{path}[{index}]"), identity));
        VerifyPolicy { identities: identities.collect(), min_age }
    }

    fn min_age(&mut self, path: &str, text: Option<String>) -> std::time::Duration {
        match text.as_deref().map(str::parse) {
            Some(Ok(GoDuration(min_age))) => return min_age,
            Some(Err(_)) if text.is_some_and(|text| text.starts_with('-')) => {
                self.violations.add(path, "must not be negative");
            }
            Some(Err(error)) => {
                let error: mirror_model::InvalidDuration = error;
                self.violations.add_error(path, &error);
            }
            None => {}
        }
        std::time::Duration::ZERO
    }

    fn identity(&mut self, path: &str, identity: raw::Identity) -> Option<Identity> {
        let issuer = self.required(&format!("{path}.issuer"), identity.issuer);
        let subject = self.required(&format!("{path}.subject"), identity.subject);
        let subject = subject.and_then(|subject| match Pattern::compile(&subject) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.violations.add_error(format!("{path}.subject"), &error);
                None
            }
        });
        Some(Identity { issuer: issuer?, subject: subject? })
    }

    fn required(&mut self, path: &str, text: Option<String>) -> Option<String> {
        let text = given(text);
        if text.is_none() {
            self.violations.add(path, "is required");
        }
        text
    }
}
