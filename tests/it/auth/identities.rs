//! Credentials that are made for a host: tokens that we sign, and those of providers, in both modes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirror_tests::mirror::Mirror;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Answer, Fault, Kind, Rule, ScriptedRegistry};
use serde_json::{Value, json};

use super::mirror;
use super::pair::Pair;
use super::ways::{WAYS, with_each};

/// RFC 8037, appendix A.
pub(super) const JWK: &str = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"first\",\
                   \"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\
                   \"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}";

/// What a runner gives.
pub(super) const ID_TOKEN: &str = "h.e30.CaNaRy";

/// Reads the header and the claims of a token.
#[track_caller]
fn read(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64"));
    [(); 2].map(|()| {
        let part = parts.next().expect("a header and claims");
        serde_json::from_slice(&part).expect("JSON")
    })
}

#[tokio::test]
async fn a_token_is_signed_for_each_request() {
    for way in WAYS {
        let pair = Pair::new("credential: {jwkPath: keys/jwk.json, iss: me, sub: mirror}");
        pair.mirror.binary.write("keys/jwk.json", JWK);
        let running = way.begin(&pair.mirror).await;
        running.sync(&[]).await.assert_code(0);
        let shown = pair.shown();
        for (index, token) in shown.iter().enumerate() {
            assert!(!shown[..index].contains(token), "each request has its own");
            let [header, claims] = read(token);
            assert_eq!(header, json!({"alg": "EdDSA", "kid": "first", "typ": "JWT"}));
            assert_eq!(claims["iss"], "me");
            assert_eq!(claims["sub"], "mirror");
            assert_eq!(claims["aud"], json!([pair.destination.host()]));
            let at = |claim: &str| claims[claim].as_u64().unwrap_or_default();
            assert_eq!((at("exp") - at("iat"), at("iat") - at("nbf")), (60, 30));
        }
        // The key is renewed while the fleet's processes run on.
        pair.destination.clear_log();
        pair.mirror.binary.write("keys/jwk.json", JWK.replace("first", "second"));
        running.sync(&[]).await.assert_code(0);
        assert_eq!(read(&pair.shown()[0])[0]["kid"], "second");
    }
}

#[tokio::test]
async fn a_token_that_lives_long_is_shown_again_and_put_into_its_envelope() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let mirror = mirror().env("JWK", JWK);
    let [from, to] = [&source, &destination].map(ScriptedRegistry::host);
    let config = format!(
        "apiVersion: mirror.plugin.fluxcd.io/v1beta2\nkind: Config\nartifacts:\n- {{source: \
         {from}/app, destination: {to}/app, selector: {{sortBy: alphabetical}}}}\nhosts:\n- host: \
         {to}\n  credential:\n    type: jwt\n    jwkValue: ${{JWK}}\n    issuer: me\n    subject: \
         mirror\n    audiences: [a, b]\n    expiration: 1h\n    envelope: aws.{{{{ base64 .Token \
         }}}}\n"
    );
    mirror.binary.write("mirror.yaml", config);
    mirror.binary.call(["sync", "mirror.yaml"]).run().await.assert_code(0);
    let log = destination.log();
    let shown: Vec<_> = log.entries().iter().map(|entry| entry.authorization.clone()).collect();
    assert!(shown.len() > 3 && shown.iter().all(|header| header == &shown[0]), "{log}");
    let header = shown[0].clone().expect("it was shown");
    let token = header.strip_prefix("Bearer aws.").expect("the envelope's text");
    let token = base64::engine::general_purpose::STANDARD.decode(token).expect("base64");
    let [_, claims] = read(&String::from_utf8(token).expect("a token is text"));
    assert_eq!(claims["aud"], json!(["a", "b"]));
    let life = claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!(life, Some(3600));
}

/// A job's runner that gives tokens for `audience` to whoever has `right`.
pub(super) fn runner(audience: &str, right: &str) -> ScriptedRegistry {
    let runner = ScriptedRegistry::plain();
    let (target, right) = (format!("/job?run=1&audience={audience}"), format!("bearer {right}"));
    let answer = Fault::instead(move |request, _| {
        let is_right = request.method == "GET"
            && request.target == target
            && request.header("authorization") == Some(&right);
        let value = json!({"count": 1, "value": ID_TOKEN});
        Some(if is_right { Answer::json(200, &value) } else { Answer::status(401) })
    });
    runner.script(Rule::any(), answer);
    runner
}

/// Gives a mirror the environment of a runner's job.
pub(super) fn as_job(mirror: Mirror, runner: &ScriptedRegistry, right: &str) -> Mirror {
    mirror
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/job?run=1", runner.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", right)
}

#[tokio::test]
async fn the_runner_of_a_job_is_asked_once_by_each_process() {
    for (way, provider) in with_each(&["github", "forgejo"]) {
        let runner = runner("mirror", "CaNaRy-right");
        let pair = Pair::new(&format!("credential: {{provider: {provider}, aud: mirror}}"))
            .with(|mirror| as_job(mirror, &runner, "CaNaRy-right"));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by(provider).await;
        assert!(pair.shown().iter().all(|token| token == ID_TOKEN));
        let processes = running.processes();
        assert_eq!(runner.log().count(), processes, "{}", runner.log());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_provider_that_refuses_is_asked_once_for_all_jobs_and_says_what_to_check() {
    let mut pair = Pair::new("credential: {provider: github}");
    for number in 0..20 {
        pair.source.store().push("app", &format!("t{number}"), &image("app"));
    }
    let runner = runner("nobody", "s3cret");
    pair.mirror = as_job(pair.mirror, &runner, "s3cret");
    let done = pair.mirror.sync(&[]).run().await;
    done.assert_code(1);
    let host = pair.destination.host();
    let expected = format!(
        "no credential for {host} from github: asking the runner for an ID token for {host}: it \
         answered 401; check that the job has `permissions: id-token: write`"
    );
    assert!(done.stdout.matches(&expected).count() >= 20, "{done}");
    assert_eq!(runner.log().count(), 1, "{}", runner.log());
    pair.destination.log().assert(&[]);
}

#[tokio::test]
async fn a_job_without_the_right_to_tokens_is_told_which_variable_is_missing() {
    let pair = Pair::new("credential: {provider: forgejo}");
    let done = pair.mirror.sync(&[]).run().await;
    done.assert_code(1);
    let expected = "ACTIONS_ID_TOKEN_REQUEST_URL is not set; check that the job has \
                    `enable-openid-connect: true`";
    assert!(done.stdout.contains(expected), "{done}");
}

#[tokio::test]
async fn a_password_may_be_a_token_too() {
    let mut pair = Pair::new("username: oidc, credential: {provider: github, aud: mirror}");
    let runner = runner("mirror", "s3cret");
    pair.mirror = as_job(pair.mirror, &runner, "s3cret");
    let auth = mirror_tests::scripted::Auth::Basic {
        user: "oidc".to_owned(),
        password: ID_TOKEN.to_owned(),
    };
    pair.destination.set(|options| options.auth = auth);
    pair.mirror.sync(&[]).run().await.assert_code(0);
    let log = pair.destination.log();
    assert_eq!(log.kind(Kind::ManifestPut).count(), 1, "{log}");
}
