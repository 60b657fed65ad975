//! The registry client against a registry that is scripted to be right, or wrong in one way.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod fallback;
mod known;
mod pages;
mod realms;
mod refusals;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mirror_credentials::{Credentials, DockerConfig, Providers};
use mirror_oci::{Digest, Manifest, Referrer, RepositoryRef};
use mirror_registry::{Access, Listed, Registries, RegistriesOptions, RegistryError, Repository};
use mirror_tests::sample::{Sample, image, referrer};
use mirror_tests::scripted::ScriptedRegistry;
use mirror_transport::{Budget, Options, Timing, Transport};

/// A client that knows nothing yet.
fn registries() -> Arc<Registries> {
    registries_with(DockerConfig::default())
}

fn registries_with(docker: DockerConfig) -> Arc<Registries> {
    let (user_agent, timing) = ("test".to_owned(), Timing::default());
    let options = Options { insecure: false, user_agent, timing };
    Registries::new(RegistriesOptions {
        transport: Transport::new(options),
        credentials: Credentials::new(HashMap::new(), docker, Providers::none()),
        chunks: HashMap::new(),
        tls: HashMap::new(),
        notices: Arc::new(|_| ()),
    })
}

/// The repository `app` of `registry`, to a client that knows nothing yet.
fn app(registry: &ScriptedRegistry) -> Repository {
    repository(&registries(), registry, "app")
}

fn repository(registries: &Arc<Registries>, registry: &ScriptedRegistry, name: &str) -> Repository {
    let place: RepositoryRef = format!("{}/{name}", registry.host()).parse().expect("a repository");
    registries.repository(&place, Access::Push, &Budget::new(Duration::from_secs(600)))
}

fn digest(sample: &Sample) -> Digest {
    sample.digest().parse().expect("a digest")
}

fn manifest(sample: &Sample) -> Manifest {
    Manifest::parse(digest(sample), sample.bytes.clone(), None).expect("a manifest")
}

/// What a listing should say of `sample`.
fn said(sample: &Sample) -> Referrer {
    manifest(sample).referrer()
}

/// An image with `count` referrers in the repository `app`.
fn signed(registry: &ScriptedRegistry, count: usize) -> (Sample, Vec<Sample>) {
    let subject = image("app");
    registry.store().push("app", "v1", &subject);
    let referrers: Vec<Sample> = (0..count)
        .map(|at| referrer("application/vnd.test.signature", &subject, at.to_string()))
        .collect();
    for one in &referrers {
        registry.store().put("app", one);
    }
    (subject, referrers)
}

/// Lists, where that is to succeed.
async fn listed(repository: &Repository, subject: &Digest) -> Listed {
    repository.referrers(subject, true).await.expect("a listing")
}

/// The error of a listing, and what it says.
async fn refused(repository: &Repository, subject: &Digest) -> (RegistryError, String) {
    let error = repository.referrers(subject, true).await.expect_err("an error");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    (error, text)
}

/// The digests of what the API lists, in order of their text: the scripted registry's.
#[track_caller]
fn assert_lists(listed: &Listed, expected: &[Sample]) {
    let Listed::Api(referrers) = listed else { panic!("{listed:?}") };
    let mut expected: Vec<Referrer> = expected.iter().map(said).collect();
    expected.sort_by_key(|one| one.descriptor.digest);
    assert_eq!(*referrers, expected);
}
