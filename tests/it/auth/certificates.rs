//! Authorities and client certificates of single hosts: `hosts[].tls`, in both modes.

use std::fs;

use mirror_tests::client::Client;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::{image, two_platforms};
use mirror_tests::scripted::{Kind, Listener, ScriptedOptions, ScriptedRegistry};
use mirror_tests::servers::{Distribution, DistributionOptions};

use super::mirror;
use super::ways::{WAYS, Way};

/// All of `tls`, from files beside the config.
const BY_FILES: &str = "tls: {serverAuth: {fromPath: tls/ca.pem}, clientAuth: {certificate: \
                        {fromPath: tls/client.pem}, key: {fromPath: tls/client.key}}}";
/// The same, from variables.
const BY_VALUES: &str = "tls: {serverAuth: {value: '${CA}'}, clientAuth: {certificate: {value: \
                         '${CERTIFICATE}'}, key: {value: '${KEY}'}}}";

/// A mirror that has the files and the variables, on a system that trusts somebody else.
fn with_files(pki: &Pki) -> Mirror {
    let read = |name: &str| fs::read(pki.folder().join(name)).expect("the file was made");
    let mut mirror = mirror().env("SSL_CERT_FILE", pki.foreign_ca());
    for (name, variable) in [("ca.pem", "CA"), ("client.pem", "CERTIFICATE"), ("client.key", "KEY")]
    {
        mirror.binary.write(&format!("tls/{name}"), read(name));
        mirror = mirror.env(variable, String::from_utf8(read(name)).expect("PEM is text"));
    }
    mirror
}

/// Starts distribution, over TLS, for clients with a certificate alone.
async fn distribution(pki: &Pki) -> Distribution {
    let tls = Some(pki.clone());
    Distribution::start(DistributionOptions {
        tls,
        client_certificates: true,
        ..Default::default()
    })
    .await
}

/// Starts a scripted registry like it.
fn scripted(pki: &Pki) -> ScriptedRegistry {
    let options = ScriptedOptions {
        tls: Some(pki.clone()),
        client_certificates: true,
        ..ScriptedOptions::default()
    };
    let registry = ScriptedRegistry::start(options);
    registry.store().push("app", "v1", &image("app"));
    registry
}

#[tokio::test]
async fn registries_with_authorities_and_client_certificates_of_their_own_are_mirrored() {
    let pki = Pki::new();
    for way in WAYS {
        let (source, destination) = (distribution(&pki).await, distribution(&pki).await);
        let client = |registry: &Distribution| Client::new(&registry.host()).tls(&pki);
        client(&source).push("app", "v1", &two_platforms("app")).await;
        let mirror = with_files(&pki)
            .host(&source.host(), BY_FILES)
            .host(&destination.host(), BY_VALUES)
            .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
        let done = way.sync(&mirror, &[]).await;
        done.assert_code(0);
        client(&destination).assert_holds("app", "v1", &two_platforms("app")).await;
    }
}

#[tokio::test]
async fn tls_and_a_credential_stand_together() {
    let pki = Pki::new();
    let tls = Some(pki.clone());
    let options = DistributionOptions {
        tls,
        client_certificates: true,
        basic: true,
        ..DistributionOptions::default()
    };
    let (source, destination) = (Distribution::start(options).await, ScriptedRegistry::plain());
    let client = Client::new(&source.host()).tls(&pki).credentials("mirror", "secret");
    client.push("app", "v1", &image("app")).await;
    let mirror = with_files(&pki)
        .host(
            &source.host(),
            &format!("{BY_FILES}, username: mirror, credential: {{value: secret}}"),
        )
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
}

/// Mirrors from a registry that wants a certificate, with these fields of its host; expects that it
/// refuses, is asked once and never in the clear, and that the row says so.
async fn check_refused(fields: &str, expected: &str) {
    let pki = Pki::new();
    let (source, destination) = (scripted(&pki), ScriptedRegistry::plain());
    let mirror = with_files(&pki)
        .host(&source.host(), fields)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let copy = |from: std::path::PathBuf, name| {
        mirror.binary.write(name, fs::read(from).expect("the file was made"));
    };
    copy(pki.foreign_ca(), "tls/foreign.pem");
    copy(pki.other_client().0, "tls/other.pem");
    copy(pki.other_client().1, "tls/other.key");
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    let expected = format!("no TLS session with {}: {expected}", source.host());
    assert!(done.stdout.contains(&expected), "{done}");
    source.log().assert(&[]);
}

#[tokio::test]
async fn an_authority_replaces_the_systems() {
    let one = "serverAuth: {fromPath: tls/foreign.pem}";
    check_refused(&format!("tls: {{{one}}}"), "invalid peer certificate: UnknownIssuer").await;
}

#[tokio::test]
async fn who_shows_no_certificate_is_told_that_one_is_wanted() {
    let one = "serverAuth: {fromPath: tls/ca.pem}";
    check_refused(&format!("tls: {{{one}}}"), "received fatal alert: CertificateRequired").await;
}

#[tokio::test]
async fn who_shows_a_certificate_of_a_stranger_is_told_so() {
    let pair =
        "clientAuth: {certificate: {fromPath: tls/other.pem}, key: {fromPath: tls/other.key}}";
    let fields = format!("tls: {{serverAuth: {{fromPath: tls/ca.pem}}, {pair}}}");
    check_refused(&fields, "received fatal alert: UnknownCA").await;
}

#[tokio::test]
async fn neither_authority_nor_certificate_goes_where_a_registry_sends_us() {
    let pki = Pki::new();
    for (system, expected) in [
        // The other host is a stranger, though the registry's authority would vouch for it.
        (pki.foreign_ca(), "invalid peer certificate: UnknownIssuer"),
        // It is trusted, and asks in vain who we are.
        (pki.ca(), "received fatal alert: CertificateRequired"),
    ] {
        let (source, destination) = (scripted(&pki), ScriptedRegistry::plain());
        source.set(|options| options.redirect_blobs = true);
        let mirror = with_files(&pki)
            .env("SSL_CERT_FILE", system)
            .host(&source.host(), BY_FILES)
            .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
        let done = mirror.sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        let expected = format!("no TLS session with https://{}: {expected}", source.other_host());
        assert!(done.stdout.contains(&expected), "{done}");
        let log = source.log();
        assert!(log.kind(Kind::BlobGet).count() > 0, "{log}");
        assert_eq!(log.only(|entry| entry.listener == Listener::Other).count(), 0, "{log}");
    }
}

#[tokio::test]
async fn a_pair_that_is_renewed_while_a_fleet_runs_is_shown_from_then_on() {
    let pki = Pki::new();
    let (source, destination) = (scripted(&pki), ScriptedRegistry::plain());
    let mirror = with_files(&pki)
        .host(&source.host(), BY_FILES)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let write = |(certificate, key): (std::path::PathBuf, std::path::PathBuf)| {
        for (name, from) in [("tls/client.pem", certificate), ("tls/client.key", key)] {
            mirror.binary.write(name, fs::read(from).expect("the file was made"));
        }
    };
    write(pki.other_client());
    let fleet = Way::OverAFleet.begin(&mirror).await;
    let done = fleet.sync(&[]).await;
    done.assert_code(1);
    assert!(done.stdout.contains("received fatal alert: UnknownCA"), "{done}");
    write(pki.client());
    fleet.sync(&[]).await.assert_code(0);
    let logs = fleet.logs();
    assert!(logs.contains("mirror_worker") && !logs.contains("PRIVATE KEY"), "{logs}");
    destination.store().assert_holds("app", "v1", &image("app"));
}
