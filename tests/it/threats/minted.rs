//! What credentials are made of, and what is made for a host, show nowhere either (threat S17).

use std::fs;

use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::scripted::{Answer, Fault, Kind, Rule, ScriptedRegistry};
use mirror_tests::servers::WorkloadApi;
use serde_json::json;

use super::registry;

const OUTPUTS: [&[&str]; 4] = [&[], &["--verbose"], &["-o", "json"], &["-o", "yaml"]];

/// RFC 8037, appendix A.
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
/// The start of every JWT, and of what an envelope makes of one.
const TOKENS: [&str; 3] = ["eyJ", "ZXlK", "CaNaRy"];

/// Mirrors from a registry whose host has these fields, which lets us in or does not, with every output.
async fn search(fields: &str, secrets: &[&str], give: impl Fn(Mirror) -> Mirror) {
    for is_let_in in [true, false] {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        if !is_let_in {
            source.script(Rule::on(Kind::Tags), Fault::error(401, "UNAUTHORIZED"));
        }
        let (from, to) = (source.host(), destination.host());
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .host(&from, fields)
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        let mirror = give(mirror);
        for output in OUTPUTS {
            let done = mirror.sync(output).arg("--retries=0").run().await;
            assert_eq!(done.code() == Some(0), is_let_in, "{done}");
            let text = done.to_string();
            for secret in secrets.iter().chain(&TOKENS) {
                assert!(!text.contains(secret), "`{secret}` is printed: {text}");
            }
        }
    }
}

fn jwk() -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "d": D}).to_string()
}

#[tokio::test]
async fn a_key_and_what_is_signed_with_it_show_nowhere() {
    let claims = "iss: me, sub: mirror, exp: 5m";
    search(&format!("credential: {{jwkValue: '${{JWK}}', {claims}}}"), &[D], |mirror| {
        mirror.env("JWK", jwk())
    })
    .await;
    search(&format!("credential: {{jwkPath: jwk.json, {claims}}}"), &[D], |mirror| {
        mirror.binary.write("jwk.json", jwk());
        mirror
    })
    .await;
}

/// A runner that answers whatever it is asked.
fn runner(body: &str) -> ScriptedRegistry {
    let runner = ScriptedRegistry::plain();
    let answer = Answer::status(200).with("Content-Type", "application/json").body(body.to_owned());
    runner.script(Rule::any(), Fault::answer(answer));
    runner
}

fn as_job(mirror: Mirror, runner: &ScriptedRegistry) -> Mirror {
    mirror
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/job?run=CaNaRy", runner.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CaNaRy-right")
}

#[tokio::test]
async fn a_runners_token_and_the_right_to_it_show_nowhere() {
    let runner = runner("{\"value\": \"CaNaRy-token\"}");
    for provider in ["github", "forgejo"] {
        let fields = format!("credential: {{provider: {provider}}}");
        search(&fields, &[], |mirror| as_job(mirror, &runner)).await;
    }
    assert!(runner.log().count() > 0, "it was in use");
}

#[tokio::test]
async fn an_answer_of_a_runner_that_is_no_token_shows_nowhere() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    for body in [
        "CaNaRy",
        "{\"value\": CaNaRy",
        "{\"values\": \"CaNaRy\"}",
        "{\"value\": 1, \"CaNaRy\": 2}",
    ] {
        let runner = runner(body);
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .host(&from, "credential: {provider: github}")
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        let mirror = as_job(mirror, &runner);
        for output in OUTPUTS {
            let done = mirror.sync(output).arg("--retries=0").run().await;
            done.assert_code(1);
            assert!(!done.to_string().contains("CaNaRy"), "{done}");
        }
    }
}

#[tokio::test]
async fn a_jwt_svid_shows_nowhere() {
    let workload = WorkloadApi::start(&["mirror"], 3600).await;
    search("credential: {provider: jwt-svid}", &[], |mirror| {
        mirror.env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"))
    })
    .await;
}

#[tokio::test]
async fn a_client_key_shows_nowhere_even_where_it_is_of_no_use() {
    let pki = Pki::new();
    let key = fs::read_to_string(pki.client().1).expect("it was made");
    let line = key.lines().nth(1).expect("PEM has lines").to_owned();
    let certificate = fs::read_to_string(pki.other_client().0).expect("it was made");
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    for fields in [
        // Of another certificate, in the wrong place, cut, and in place of an authority.
        "clientAuth: {certificate: {value: '${CERTIFICATE}'}, key: {value: '${KEY}'}}",
        "clientAuth: {certificate: {value: '${KEY}'}, key: {value: '${KEY}'}}",
        "clientAuth: {certificate: {value: '${CERTIFICATE}'}, key: {value: '${KEY:0:90}'}}",
        "serverAuth: {value: '${KEY}'}",
        "serverAuth: {fromPath: '${KEY:0:90}'}",
    ] {
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .host(&from, &format!("tls: {{{fields}}}"))
            .env("CERTIFICATE", &certificate)
            .env("KEY", &key)
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        let done = mirror.sync(&["--verbose"]).run().await;
        done.assert_code(1);
        let text = done.to_string();
        assert!(!text.contains(&line) && !text.contains("PRIVATE KEY"), "{text}");
    }
    source.log().assert(&[]);
}
