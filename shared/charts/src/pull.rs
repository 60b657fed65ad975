//! Archives that an index says to pull from a registry: asked for here, fetched by whoever speaks to
//! registries.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use mirror_oci::{Descriptor, Manifest, MediaType, Reference, RepositoryRef};
use mirror_transport::Retry;

use crate::tag;

/// What the config of a chart is.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.cncf.helm.config.v1+json";
/// What the archive of a chart is.
pub const LAYER_MEDIA_TYPE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A way to pull a chart's archive from a registry.
pub trait Pull: Send + Sync {
    /// Begins to read the chart layer of what `reference` names.
    ///
    /// # Errors
    /// Whatever the registry says, and a manifest of which [`chart_layer`] finds none.
    fn pull<'p>(
        &'p self,
        repository: &'p RepositoryRef,
        reference: &'p Reference,
    ) -> BoxFuture<'p, Result<Pulled, PullError>>;
}

/// An archive as it comes from a registry.
pub struct Pulled {
    /// How long it is.
    pub size: u64,
    /// Its bytes; an error unless its digest and size are right.
    pub bytes: BoxStream<'static, Result<Bytes, PullError>>,
}

/// Why a registry did not give an archive.
#[derive(Debug)]
pub struct PullError {
    cause: Box<dyn Error + Send + Sync>,
    retry: Retry,
}

impl PullError {
    /// Takes what went wrong, and whether trying again could help.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>, retry: Retry) -> Self {
        Self { cause: cause.into(), retry }
    }

    /// Returns whether trying again could help.
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

impl fmt::Display for PullError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(formatter)
    }
}

impl Error for PullError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// Returns the layer of a manifest that is a chart's archive; `None` where it is no chart's.
pub fn chart_layer(manifest: &Manifest) -> Option<&Descriptor> {
    let is = |wanted: &'static str| {
        move |descriptor: &&Descriptor| descriptor.media_type.as_str() == wanted
    };
    let blobs = &manifest.blobs;
    let is_chart = manifest.descriptor.media_type.as_str() == MediaType::OCI_MANIFEST
        && blobs.iter().any(|blob| is(CONFIG_MEDIA_TYPE)(&blob));
    blobs.iter().find(is(LAYER_MEDIA_TYPE)).filter(|_| is_chart)
}

/// Takes `oci://host/name:tag`, with a digest instead or without either, apart; the chart's version is its
/// tag then.
pub(crate) fn parse(url: &str, version: &str) -> Option<(RepositoryRef, Reference)> {
    let rest = url.strip_prefix("oci://")?;
    if let Some((repository, digest)) = rest.split_once('@') {
        let repository = without_tag(repository).0.parse().ok()?;
        return Some((repository, Reference::Digest(digest.parse().ok()?)));
    }
    let (repository, named) = without_tag(rest);
    let named = tag(named.unwrap_or(version)).ok()?;
    Some((repository.parse().ok()?, Reference::Tag(named)))
}

/// Parts a tag from the end of a repository; a port is none.
fn without_tag(repository: &str) -> (&str, Option<&str>) {
    match repository.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        Some(_) | None => (repository, None),
    }
}

#[cfg(test)]
mod tests {
    use mirror_oci::Digest;

    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let shown = parse(url, "1.0.0+b").map_or("none".to_owned(), |(repository, reference)| {
            format!("{repository} {reference}")
        });
        assert_eq!(shown, expected, "{url}");
    }

    #[test]
    fn references_are_taken_apart() {
        let digest = Digest::of(b"");
        check("oci://r.example/charts/app:1.2.3", "r.example/charts/app 1.2.3");
        check("oci://r.example:5000/app:1.2.3+b.1", "r.example:5000/app 1.2.3_b.1");
        check("oci://r.example:5000/app", "r.example:5000/app 1.0.0_b");
        check(&format!("oci://r.example/app@{digest}"), &format!("r.example/app {digest}"));
        check(&format!("oci://r.example/app:1@{digest}"), &format!("r.example/app {digest}"));
        check("oci://registry-1.docker.io/charts/app:1", "docker.io/charts/app 1");
        check("oci://r.example/App:1", "none");
        check("oci://r.example", "none");
        check("oci://r.example/app@sha256:1", "none");
        check("https://r.example/app:1", "none");
    }
}
