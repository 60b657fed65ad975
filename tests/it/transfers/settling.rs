//! How long a registry may take to answer an upload, with the waits of a test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mirror_credentials::{Credentials, DockerConfig, Providers};
use mirror_oci::{Descriptor, Digest, MediaType, RepositoryRef};
use mirror_registry::{Access, Registries, RegistriesOptions, Repository};
use mirror_tests::sample::noise;
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedRegistry};
use mirror_transport::{Budget, Options, Timing, Transport};

use super::LARGE;

const MS: Duration = Duration::from_millis(1);

/// A registry client as patient as the program's.
fn patient() -> Arc<Registries> {
    registries(Timing::default())
}

/// A registry client that waits for the next bytes for 300 ms at most: for a side that is to be silent.
fn impatient() -> Arc<Registries> {
    registries(Timing { idle: MS * 300, ..Timing::default() })
}

fn registries(timing: Timing) -> Arc<Registries> {
    let options = Options { insecure: false, user_agent: "test".to_owned(), timing };
    Registries::new(RegistriesOptions {
        transport: Transport::new(options),
        credentials: Credentials::new(HashMap::new(), DockerConfig::default(), Providers::none()),
        chunks: HashMap::new(),
        tls: HashMap::new(),
        notices: Arc::new(|_| ()),
    })
}

#[expect(clippy::expect_used, reason = "the name is a test's own")]
fn repository(registries: &Arc<Registries>, host: &str, access: Access) -> Repository {
    let place: RepositoryRef = format!("{host}/app").parse().expect("a repository's name");
    registries.repository(&place, access, &Budget::new(Duration::from_secs(30)))
}

fn layer() -> Descriptor {
    let bytes = noise("large", LARGE);
    Descriptor {
        media_type: MediaType::octet_stream(),
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
        artifact_type: None,
    }
}

/// Uploads the large layer while `fault` happens to its PUT.
async fn upload(fault: Fault) -> Result<(), String> {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put_blob("app", noise("large", LARGE));
    destination.script(Rule::on(Kind::UploadPut), fault);
    // For everything else it has three seconds.
    let wait = Duration::from_secs(3);
    let timing = Timing { answer: wait, idle: wait, ..Timing::default() };
    let (patient, registries) = (patient(), registries(timing));
    let from = repository(&patient, &source.host(), Access::Pull);
    let to = repository(&registries, &destination.host(), Access::Push);
    // First contact is made with something small.
    let known = to.has_blob(&layer().digest).await;
    assert!(matches!(known, Ok(false)));
    let meter: mirror_registry::Meter = Arc::new(|_| ());
    let put = to.put_blob(&from, &layer(), None, &meter).await;
    put.map_err(|error| error.to_string())
}

#[tokio::test]
async fn after_the_last_byte_a_registry_has_a_minute_and_more() {
    assert_eq!(upload(Fault::none().delay(Duration::from_secs(4))).await, Ok(()));
}

#[tokio::test]
async fn a_registry_that_stops_to_take_bytes_is_silent() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    // More than the kernels between us take by themselves.
    let bytes = noise("endless", 64 << 20);
    source.store().put_blob("app", bytes.clone());
    destination.script(Rule::on(Kind::UploadPut), Fault::none().read_slowly(1));
    let (patient, impatient) = (patient(), impatient());
    let from = repository(&patient, &source.host(), Access::Pull);
    let to = repository(&impatient, &destination.host(), Access::Push);
    let blob = Descriptor { digest: Digest::of(&bytes), size: 64 << 20, ..layer() };
    assert!(!to.has_blob(&blob.digest).await.unwrap());
    let meter: mirror_registry::Meter = Arc::new(|_| ());
    let error = to.put_blob(&from, &blob, None, &meter).await.unwrap_err();
    assert!(error.to_string().contains("was silent for"), "{error}");
}

#[tokio::test]
async fn a_source_that_goes_silent_is_to_blame_itself() {
    let source = ScriptedRegistry::plain();
    source.store().put_blob("app", noise("large", LARGE));
    let hang = Fault::none().cut_after(1000, mirror_tests::scripted::Stop::Hang);
    source.script(Rule::on(Kind::BlobGet), hang);
    let (patient, impatient) = (patient(), impatient());
    let from = repository(&impatient, &source.host(), Access::Pull);
    let destination = ScriptedRegistry::plain();
    let to = repository(&patient, &destination.host(), Access::Push);
    assert!(!to.has_blob(&layer().digest).await.unwrap());
    let meter: mirror_registry::Meter = Arc::new(|_| ());
    let error = to.put_blob(&from, &layer(), None, &meter).await.unwrap_err();
    let blamed = format!("{} was silent for", source.host());
    assert!(error.to_string().contains(&blamed), "{error}");
}
