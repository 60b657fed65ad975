//! AWS as moto understands it, which is none of ours: a role by a workload's token, a password of ECR, and the
//! question to STS that a token is. What it does not check, signatures and ends of lives, `aws` does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirror_tests::client::Client;
use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Auth, ScriptedOptions, ScriptedRegistry};
use mirror_tests::servers::Moto;
use serde_json::Value;

use super::mirror;
use super::pair::Pair;
use super::ways::WAYS;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ECR_API: &str = "api.ecr.eu-west-1.amazonaws.com";
const STS: &str = "sts.eu-west-1.amazonaws.com";
/// What ECR gives there.
const PASSWORD: &str = "123456789012-auth-token";

#[tokio::test]
async fn a_workload_gets_a_role_by_its_token_and_a_password_by_the_role() {
    for way in WAYS {
        let pki = Pki::of_names(&[ECR, ECR_API, STS]);
        let Some(moto) = Moto::start(&pki).await else { return };
        let auth = Auth::Basic { user: "AWS".to_owned(), password: PASSWORD.to_owned() };
        let tls = Some(pki.clone());
        let registry = ScriptedRegistry::start(ScriptedOptions { tls, auth, ..Default::default() });
        let source = ScriptedRegistry::plain();
        source.store().push("app", "v1", &image("app"));
        let names = [ECR, ECR_API, STS].map(|name| format!("{name}:443"));
        let proxy = ForwardProxy::start(&[
            (&names[0], &registry.host()),
            (&names[1], &moto.host()),
            (&names[2], &moto.host()),
        ]);
        let mirror = mirror()
            .env("HTTPS_PROXY", proxy.url())
            .env("SSL_CERT_FILE", pki.ca())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mirror")
            .host(ECR, "provider: ecr")
            .artifact(&format!("{}/app", source.host()), &format!("{ECR}/app"));
        let token = mirror.binary.write("token", "CaNaRy-workload");
        let mirror = mirror.env("AWS_WEB_IDENTITY_TOKEN_FILE", token);
        let running = way.begin(&mirror).await;
        let done = running.sync_by("ecr, by web identity").await;
        registry.store().assert_holds("app", "v1", &image("app"));
        // A role and a password at the least: its passwords end before they are given.
        assert!(moto.answered() >= 2 * running.processes());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn the_question_that_a_token_is_tells_whoever_asks_it_who_we_are() {
    let pki = Pki::of_names(&[STS, "127.0.0.1"]);
    let Some(moto) = Moto::start(&pki).await else { return };
    let pair = Pair::new("credential: {provider: aws}").with(|mirror| {
        mirror
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
    });
    pair.mirror.sync(&[]).run().await.assert_code(0);

    let shown = pair.shown().remove(0);
    let claims = shown.split('.').nth(1).expect("a token of three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let question = &serde_json::from_slice::<Value>(&claims).expect("JSON")["sts"];
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let headers = question["headers"].as_object().expect("headers");
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, values)| (name.clone(), text(&values[0]))).collect();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let sts = Client::new(&moto.host()).tls(&pki);
    let body = text(&question["body"]);
    let answer = sts.send(&text(&question["method"]), "/", &headers, body.as_bytes()).await;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{said}");
    assert!(said.contains("<Arn>arn:aws:sts::123456789012:user/moto</Arn>"), "{said}");
}
