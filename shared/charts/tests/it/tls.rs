//! Private authorities, client certificates and skipped verification: for the repository's own origin, and
//! elsewhere as far as Helm's file says.

use std::path::Path;

use mirror_tests::chart::{chart, digest};
use mirror_tests::pki::Pki;
use mirror_tests::scripted::ScriptedOptions;

use super::*;

fn bench(pki: &Pki, client_certificates: bool) -> Bench {
    let options =
        ScriptedOptions { tls: Some(pki.clone()), client_certificates, ..Default::default() };
    let bench = Bench::with(ScriptedRegistry::start(options));
    bench.serve_bytes("index.yaml", "entries: {}");
    bench.serve_bytes("app.tgz", chart("app", "1.0.0"));
    bench
}

fn field(name: &str, path: &Path) -> String {
    format!("{name}: '{}'", path.display())
}

fn certificate(pki: &Pki) -> String {
    let (certificate, key) = pki.client();
    format!("{}, {}", field("certFile", &certificate), field("keyFile", &key))
}

fn ca(pki: &Pki) -> String {
    field("caFile", &pki.ca())
}

/// Whether the index can be read with these fields.
async fn reads(bench: &Bench, fields: &str) -> bool {
    bench.helm_knows(fields);
    match bench.index().await {
        Ok(_) => true,
        Err(ChartError::Transport(_)) => false,
        Err(error) => panic!("{}", text(&error)),
    }
}

#[tokio::test]
async fn authorities_and_skipped_verification_are_heeded() {
    let pki = Pki::new();
    let bench = bench(&pki, false);
    assert!(!reads(&bench, "username: me").await);
    assert!(reads(&bench, &ca(&pki)).await);
    assert!(!reads(&bench, &field("caFile", &pki.foreign_ca())).await);
    assert!(reads(&bench, "insecure_skip_tls_verify: true").await);
    assert!(!reads(&bench, "insecure_skip_tls_verify: false").await);
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let pki = Pki::new();
    let bench = bench(&pki, true);
    let (authority, own) = (ca(&pki), certificate(&pki));
    assert!(!reads(&bench, &authority).await);
    assert!(reads(&bench, &format!("{authority}, {own}")).await);
    assert!(reads(&bench, &format!("insecure_skip_tls_verify: true, {own}")).await);
    let (other, key) = pki.other_client();
    let other = format!("{}, {}", field("certFile", &other), field("keyFile", &key));
    assert!(!reads(&bench, &format!("{authority}, {other}")).await);
}

/// Whether an archive on another origin can be fetched with these fields.
async fn fetches(bench: &Bench, fields: &str) -> bool {
    bench.helm_knows(fields);
    bench.index().await.unwrap();
    let elsewhere = format!("{}/charts/app.tgz", bench.server.other_url());
    let expected = format!("sha256:{}", digest(&chart("app", "1.0.0"))).parse().unwrap();
    match bench.pack(&bench.chart(&[&elsewhere], Some(expected))).await {
        Ok(_) => true,
        Err(ChartError::Transport(_)) => false,
        Err(error) => panic!("{}", text(&error)),
    }
}

#[tokio::test]
async fn elsewhere_they_hold_only_where_helm_says_so_and_verification_is_never_skipped() {
    let pki = Pki::new();
    let bench = bench(&pki, true);
    let both = format!("{}, {}", ca(&pki), certificate(&pki));
    assert!(!fetches(&bench, &both).await);
    assert!(fetches(&bench, &format!("{both}, pass_credentials_all: true")).await);
    let skips = format!(
        "{}, insecure_skip_tls_verify: true, pass_credentials_all: true",
        certificate(&pki)
    );
    assert!(!fetches(&bench, &skips).await, "verification is skipped for the repository alone");
}

#[tokio::test]
async fn files_that_are_no_use_are_named() {
    let pki = Pki::new();
    let bench = bench(&pki, false);
    let said = async |fields: &str| {
        bench.helm_knows(fields);
        let error = bench.index().await.unwrap_err();
        assert_eq!(error.retry(), Retry::Never);
        text(&error).replace(&pki.folder().display().to_string(), "PKI")
    };
    let missing = said("caFile: /nowhere/ca.pem").await;
    assert!(missing.starts_with("cannot read /nowhere/ca.pem: "), "{missing}");
    let (_, key) = pki.client();
    let no_certificate = said(&field("caFile", &key)).await;
    assert!(
        no_certificate.starts_with("PKI/client.key of repository `private` cannot be used: "),
        "{no_certificate}"
    );
    let (certificate, _) = pki.client();
    let (_, other) = pki.server();
    let fields = format!("{}, {}", field("certFile", &certificate), field("keyFile", &other));
    let mismatch = said(&fields).await;
    assert!(mismatch.contains("the private key does not go with the certificate"), "{mismatch}");
}
