//! Entries: what a run is asked to mirror.
//!
//! No secret travels: a chart repository's URL with a user in it is refused on both sides.

use std::time::Duration;

use mirror_model::{Entry, EntrySource, Identity, VerifyPolicy};
use mirror_selector::{Pattern, RegexSpec, Selector, SelectorSpec, SortBy};

use crate::Invalid;
use crate::chart::{chart_from, chart_to};
use crate::content::{place_from, place_to};
use crate::path::{At, known, needed};
use crate::text::{name_from, nanos_to};
use crate::wire::job::v1 as wire;

pub(crate) fn entry_to(entry: &Entry) -> Result<wire::Entry, Invalid> {
    let source = match &entry.source {
        EntrySource::Artifact { place, referrers, verify } => {
            wire::entry::Source::Artifact(wire::Artifact {
                repository: Some(place_to(place).at("artifact.repository")?),
                referrers: *referrers,
                verify: verify.as_ref().map(verify_to),
            })
        }
        EntrySource::Chart(chart) => wire::entry::Source::Chart(chart_to(chart)),
    };
    Ok(wire::Entry {
        source_name: entry.source_name.clone(),
        destination_name: entry.destination_name.clone(),
        destination: Some(place_to(&entry.destination).at("destination")?),
        selector: Some(selector_to(entry.selector.spec())),
        overwrite: entry.overwrite,
        source: Some(source),
    })
}

pub(crate) fn entry_from(entry: wire::Entry) -> Result<Entry, Invalid> {
    let Some(source) = entry.source else {
        return Err(Invalid::value("this version does not know such sources")).at("source");
    };
    let source = match source {
        wire::entry::Source::Artifact(artifact) => artifact_from(artifact).at("artifact")?,
        wire::entry::Source::Chart(chart) => EntrySource::Chart(chart_from(chart).at("chart")?),
    };
    Ok(Entry {
        source_name: name_from(entry.source_name).at("source_name")?,
        destination_name: name_from(entry.destination_name).at("destination_name")?,
        source,
        destination: place_from(entry.destination).at("destination")?,
        selector: selector_from(entry.selector).at("selector")?,
        overwrite: entry.overwrite,
    })
}

fn artifact_from(artifact: wire::Artifact) -> Result<EntrySource, Invalid> {
    let wire::Artifact { repository, referrers, verify } = artifact;
    let place = place_from(repository).at("repository")?;
    let verify = verify.map(|verify| verify_from(verify).at("verify")).transpose()?;
    Ok(EntrySource::Artifact { place, referrers, verify })
}

fn verify_to(policy: &VerifyPolicy) -> wire::VerifyPolicy {
    let identity = |identity: &Identity| wire::Identity {
        issuer: identity.issuer.clone(),
        subject: identity.subject.text().to_owned(),
    };
    wire::VerifyPolicy {
        min_age_nanos: nanos_to(policy.min_age),
        identities: policy.identities.iter().map(identity).collect(),
    }
}

fn verify_from(policy: wire::VerifyPolicy) -> Result<VerifyPolicy, Invalid> {
    // As in a config: a policy says who may have signed.
    if policy.identities.is_empty() {
        return Err(Invalid::absent()).at("identities");
    }
    let identities = policy.identities.into_iter().enumerate();
    let identities = identities
        .map(|(index, identity)| identity_from(identity).at_item("identities", index))
        .collect::<Result<_, _>>()?;
    Ok(VerifyPolicy { min_age: Duration::from_nanos(policy.min_age_nanos), identities })
}

fn identity_from(identity: wire::Identity) -> Result<Identity, Invalid> {
    let issuer = name_from(identity.issuer).at("issuer")?;
    // A pattern that is absent would match whoever signed.
    let subject = match identity.subject.as_str() {
        "" => Err(Invalid::absent()),
        text => Pattern::compile(text).map_err(|error| Invalid::grammar(&error)),
    };
    Ok(Identity { issuer, subject: subject.at("subject")? })
}

fn selector_to(spec: &SelectorSpec) -> wire::Selector {
    let sort_by = match spec.sort_by {
        SortBy::Semver => wire::SortBy::Semver,
        SortBy::Alphabetical => wire::SortBy::Alphabetical,
        SortBy::Numerical => wire::SortBy::Numerical,
    };
    let regex = |regex: &RegexSpec| wire::Regex {
        pattern: regex.pattern.clone(),
        extract: regex.extract.clone(),
    };
    wire::Selector {
        regex: spec.regex.as_ref().map(regex),
        semver: spec.semver.clone(),
        sort_by: sort_by.into(),
        limit: u64::try_from(spec.limit).unwrap_or(u64::MAX),
    }
}

fn selector_from(selector: Option<wire::Selector>) -> Result<Selector, Invalid> {
    let selector = needed(selector)?;
    let sort_by = match known(selector.sort_by).at("sort_by")? {
        wire::SortBy::Unspecified => return Err(Invalid::absent()).at("sort_by"),
        wire::SortBy::Semver => SortBy::Semver,
        wire::SortBy::Alphabetical => SortBy::Alphabetical,
        wire::SortBy::Numerical => SortBy::Numerical,
    };
    let regex =
        selector.regex.map(|wire::Regex { pattern, extract }| RegexSpec { pattern, extract });
    // A limit of more than can be counted is one that is never met.
    let limit = usize::try_from(selector.limit).unwrap_or(usize::MAX);
    let spec = SelectorSpec { regex, semver: selector.semver, sort_by, limit };
    Selector::compile(spec).map_err(|error| Invalid::grammar(&error))
}
