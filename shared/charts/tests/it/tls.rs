//! Private authorities, client certificates and skipped verification: for the repository's own origin, and
//! elsewhere as far as Helm's file says.

use std::path::Path;

use mirror_tests::chart::{chart, digest};
use mirror_tests::pki::Pki;
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedOptions};

use super::*;

/// An entry, with the folder of its file as `HELM`.
const ENTRY: &str = "repository `private` in HELM/repositories.yaml";

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
        Err(ChartError::Tls { .. }) => false,
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
        Err(ChartError::Tls { .. }) => false,
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
        let helm = bench.folder.path().display().to_string();
        text(&error).replace(&pki.folder().display().to_string(), "PKI").replace(&helm, "HELM")
    };
    let missing = said("caFile: /nowhere/ca.pem").await;
    let expected = format!("cannot read /nowhere/ca.pem, the caFile of {ENTRY}: ");
    assert!(missing.starts_with(&expected), "{missing}");
    let relative = said("certFile: no/c.pem, keyFile: no/c.key").await;
    let expected =
        format!("cannot read no/c.pem (from the working directory), the certFile of {ENTRY}: ");
    assert!(relative.starts_with(&expected), "{relative}");
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

/// What is said of a session that does not come about, with these fields.
async fn refusal(bench: &Bench, fields: &str, url: &str) -> String {
    bench.helm_knows(fields);
    let error = match url {
        "index" => bench.index().await.unwrap_err(),
        url => bench.pack(&bench.chart(&[url], Some(Digest::of(b"")))).await.unwrap_err(),
    };
    assert_eq!(error.retry(), Retry::Never);
    text(&error)
        .replace(&bench.folder.path().display().to_string(), "HELM")
        .replace(&bench.server.host(), "HOST")
        .replace(&bench.server.other_host(), "OTHER")
}

#[tokio::test]
async fn a_session_that_does_not_come_about_says_what_held_for_it() {
    const ALONE: &str = "by the system's authorities alone, since ";
    let pki = Pki::new();
    let bench = bench(&pki, true);
    bench.server.script(
        Rule::on(Kind::Other).target("/charts/sent-on.tgz"),
        Fault::redirect(302, &format!("{}/charts/app.tgz", bench.server.other_url())),
    );
    let both = format!("{}, {}", ca(&pki), certificate(&pki));
    let skips = format!("{}, insecure_skip_tls_verify: true, pass_credentials_all: true", ca(&pki));
    let elsewhere = format!("{}/charts/app.tgz", bench.server.other_url());
    let foreign = format!("{}, {}", field("caFile", &pki.foreign_ca()), certificate(&pki));
    for (fields, url, expected) in [
        ("username: me", "index", format!("{ALONE}{ENTRY} has no caFile and no certFile")),
        (&*ca(&pki), "index", format!("by caFile of {ENTRY}")),
        (&foreign, "index", format!("by caFile and certFile of {ENTRY}")),
        (&skips, "index", format!("by caFile and insecure_skip_tls_verify of {ENTRY}")),
        (&skips, &elsewhere, format!("by caFile of {ENTRY}")),
        (
            &both,
            &elsewhere,
            format!(
                "{ALONE}caFile and certFile of {ENTRY} is for https://HOST/charts alone, without \
                 pass_credentials_all"
            ),
        ),
        (
            "insecure_skip_tls_verify: true, pass_credentials_all: true",
            &elsewhere,
            format!("{ALONE}insecure_skip_tls_verify of {ENTRY} is for https://HOST/charts alone"),
        ),
        (&both, "sent-on.tgz", format!("{ALONE}a redirect leads elsewhere")),
    ] {
        let said = refusal(&bench, fields, url).await;
        let (at, host) = match url {
            "index" => ("https://HOST/charts/index.yaml", "HOST"),
            "sent-on.tgz" => ("https://HOST/charts/sent-on.tgz", "https://OTHER"),
            _ => ("https://OTHER/charts/app.tgz", "OTHER"),
        };
        let expected = format!("{at} was asked for {expected}: no TLS session with {host}: ");
        assert!(said.starts_with(&expected), "{said}\n{expected}");
    }
    let other = bench.folder.path().join("repositories.yaml");
    std::fs::remove_file(&other).unwrap();
    let said = text(&bench.index().await.unwrap_err());
    let expected = format!("{ALONE}there is no {} (helm repo add", other.display());
    assert!(said.contains(&expected), "{said}");
    std::fs::write(&other, "repositories: []").unwrap();
    let said = text(&bench.index().await.unwrap_err());
    let expected =
        format!("no repository of {} has the URL {} (helm", other.display(), bench.url());
    assert!(said.contains(&expected), "{said}");
}

#[tokio::test]
async fn half_a_pair_is_no_pair() {
    let pki = Pki::new();
    let bench = bench(&pki, false);
    let (certificate, key) = pki.client();
    for (half, has, lacks) in [
        (field("certFile", &certificate), "certFile", "keyFile"),
        (field("keyFile", &key), "keyFile", "certFile"),
    ] {
        let file = bench.helm_knows(&format!("{}, {half}", ca(&pki)));
        let error = bench.index().await.unwrap_err();
        let file = file.display();
        let expected = format!("repository `private` in {file} has {has} and no {lacks}");
        assert_eq!(text(&error), expected);
        assert_eq!(error.retry(), Retry::Never);
    }
    assert_eq!(bench.asked(), [""; 0]);
}
