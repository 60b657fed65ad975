//! SPIFFE: who we are and who registries are, by a Workload API; in both modes.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mirror_tests::binary::Finished;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{ScriptedOptions, ScriptedRegistry};
use mirror_tests::servers::WorkloadApi;
use serde_json::{Value, json};

use super::mirror;
use super::ways::WAYS;

/// SVIDs that outlive a test.
const LONG: u64 = 3600;

/// A registry that is `spiffe://test.example/registry` and wants to know who comes.
pub(crate) async fn registry(workload: &WorkloadApi) -> ScriptedRegistry {
    let client = spiffe::WorkloadApiClient::connect_to(workload.endpoint("registry")).await;
    let svid = client.expect("it listens").fetch_x509_svid().await.expect("it has an identity");
    let pki = Pki::new();
    let chain = svid.cert_chain().iter().map(|part| pem("CERTIFICATE", part.as_bytes()));
    pki.be(&chain.collect::<String>(), &pem("PRIVATE KEY", svid.private_key().as_bytes()));
    over_tls(&pki, workload)
}

/// A registry with an image that takes clients of the trust domain alone.
fn over_tls(pki: &Pki, workload: &WorkloadApi) -> ScriptedRegistry {
    pki.trust(&workload.bundle());
    let registry = ScriptedRegistry::start(ScriptedOptions {
        tls: Some(pki.clone()),
        client_certificates: true,
        ..ScriptedOptions::default()
    });
    registry.store().push("app", "v1", &image("app"));
    registry
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        writeln!(pem, "{}", String::from_utf8_lossy(line)).expect("a String takes all");
    }
    pem + &format!("-----END {label}-----\n")
}

/// A mirror from `source`, whose host has these fields, into `destination`.
fn between(source: &ScriptedRegistry, destination: &ScriptedRegistry, fields: &str) -> Mirror {
    mirror()
        .host(&source.host(), fields)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()))
}

/// Says who is wanted; who we are is an SVID.
fn wanting(server: &str) -> String {
    format!("tls: {{serverAuth: {{spiffe: {{{server}}}}}, clientAuth: {{provider: x509-svid}}}}")
}

#[tokio::test]
async fn a_registry_of_our_own_trust_domain_is_mirrored_from() {
    let workload = WorkloadApi::start(&["mirror", "registry"], LONG).await;
    let wanted = ["trustDomain: self", "serverID: 'spiffe://test.example/registry'"].map(wanting);
    for (way, fields) in WAYS.into_iter().zip(&wanted) {
        let (source, destination) = (registry(&workload).await, ScriptedRegistry::plain());
        let mirror = between(&source, &destination, fields)
            .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
        way.sync(&mirror, &[]).await.assert_code(0);
        destination.store().assert_holds("app", "v1", &image("app"));
    }
}

/// Mirrors from the registry with these fields of its host.
async fn sync(workload: &WorkloadApi, fields: &str) -> (Finished, ScriptedRegistry) {
    let (source, destination) = (registry(workload).await, ScriptedRegistry::plain());
    let mirror = between(&source, &destination, fields)
        .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
    (mirror.sync(&[]).run().await, source)
}

#[tokio::test]
async fn a_server_is_taken_by_its_id_and_by_nothing_else() {
    let workload = WorkloadApi::start(&["mirror", "registry"], LONG).await;
    for wanted in ["authorizeAny: true", "trustDomain: test.example"] {
        let (done, _) = sync(&workload, &wanting(wanted)).await;
        done.assert_code(0);
    }
    for (wanted, shown) in [
        ("serverID: 'spiffe://test.example/other'", "wanted is spiffe://test.example/other"),
        ("serverID: 'spiffe://test.example'", "wanted is spiffe://test.example"),
        ("trustDomain: example.org", "wanted is one of example.org"),
    ] {
        let (done, source) = sync(&workload, &wanting(wanted)).await;
        done.assert_code(1);
        let expected = format!(
            "no TLS session with {}: the server is spiffe://test.example/registry, {shown}",
            source.host()
        );
        assert!(done.stdout.contains(&expected), "{done}");
        source.log().assert(&[]);
    }
}

#[tokio::test]
async fn a_server_without_an_id_and_one_that_nobody_vouches_for_are_refused() {
    let workload = WorkloadApi::start(&["mirror"], LONG).await;
    let other = WorkloadApi::start(&["registry"], LONG).await;
    // Of the same name, and of another authority.
    let (source, destination) = (registry(&other).await, ScriptedRegistry::plain());
    let mirror = between(&source, &destination, &wanting("authorizeAny: true"))
        .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    let expected = "spiffe://test.example/registry: invalid peer certificate";
    assert!(done.stdout.contains(expected), "{done}");

    let (source, destination) = (over_tls(&Pki::new(), &workload), ScriptedRegistry::plain());
    let mirror = between(&source, &destination, &wanting("trustDomain: self"))
        .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("the server shows no SPIFFE ID"), "{done}");
    source.log().assert(&[]);
}

#[tokio::test]
async fn our_certificate_rotates_while_a_fleet_runs() {
    // Renewed after half of it: as long again is there for whoever is slow to take the new one.
    let workload = WorkloadApi::start(&["mirror"], 8).await;
    let pki = Pki::new();
    let ca = std::fs::read(pki.ca()).expect("it was made");
    let (source, destination) = (over_tls(&pki, &workload), ScriptedRegistry::plain());
    let fields = "tls: {serverAuth: {fromPath: ca.pem}, clientAuth: {provider: x509-svid}}";
    let mirror = between(&source, &destination, fields)
        .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
    mirror.binary.write("ca.pem", ca);
    for way in WAYS.into_iter().skip(1) {
        let fleet = way.begin(&mirror).await;
        fleet.sync(&[]).await.assert_code(0);
        for number in 0..3 {
            // More than an SVID lives, altogether; the server refuses one that is over.
            tokio::time::sleep(Duration::from_secs(3)).await;
            source.store().push("app", &format!("t{number}"), &image("more"));
            fleet.sync(&[]).await.assert_code(0);
        }
    }
    let connections: std::collections::BTreeSet<usize> =
        source.log().entries().iter().map(|entry| entry.connection).collect();
    assert!(connections.len() > 1, "{}", source.log());
}

#[tokio::test]
async fn a_jwt_svid_is_shown_as_a_token() {
    let workload = WorkloadApi::start(&["mirror"], LONG).await;
    for way in WAYS {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        source.store().push("app", "v1", &image("app"));
        let mirror = between(&source, &destination, "credential: {provider: jwt-svid, aud: us}")
            .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"));
        way.sync(&mirror, &[]).await.assert_code(0);
        let log = source.log();
        for entry in log.entries() {
            let header = entry.authorization.as_deref().unwrap_or_default();
            let token = header.strip_prefix("Bearer ").expect("a token is shown");
            let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims"));
            let claims: Value =
                serde_json::from_slice(&claims.expect("base64")).expect("claims are JSON");
            assert_eq!(claims["sub"], "spiffe://test.example/mirror");
            assert!(claims["aud"] == json!(["us"]) || claims["aud"] == "us", "{claims}");
        }
    }
}

/// Mirrors with this endpoint, or none, and these fields; expects these words.
async fn check_missing(endpoint: Option<&str>, fields: &str, expected: &str) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let mut mirror = between(&source, &destination, fields);
    if let Some(endpoint) = endpoint {
        mirror = mirror.env("SPIFFE_ENDPOINT_SOCKET", endpoint);
    }
    // An error, and no hang: that would end with the call's own deadline, and without a word.
    let done = mirror.sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains(expected), "{done}");
    source.log().assert(&[]);
}

#[tokio::test]
async fn without_a_workload_api_there_is_an_error_that_says_what_to_check() {
    let (token, svid) = ("credential: {provider: jwt-svid}", wanting("trustDomain: self"));
    let unset = "SPIFFE_ENDPOINT_SOCKET is not set";
    let absent = Some("unix:///nowhere/agent.sock");
    let frozen = WorkloadApi::start(&["mirror"], LONG).await;
    frozen.freeze(true);
    let frozen_at = frozen.endpoint("mirror");
    tokio::join!(
        check_missing(None, token, unset),
        check_missing(None, &svid, unset),
        check_missing(absent, token, "this workload is registered"),
        check_missing(absent, &svid, "no identity from the Workload API at unix:///nowhere"),
        check_missing(Some(&frozen_at), token, "it did not answer within 10 s"),
        check_missing(Some(&frozen_at), &svid, "no identity from the Workload API"),
    );
}
