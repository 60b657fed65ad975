//! AWS: signed questions to STS as tokens, and passwords of ECR, in both modes. The clouds' names stand for
//! servers of ours by a proxy, and each refuses what is not exactly right.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mirror_tests::aws::{Key, Signed};
use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Answer, Auth, Fault, Rule, ScriptedOptions, ScriptedRegistry};
use serde_json::{Value, json};

use super::mirror;
use super::pair::{Pair, assert_anonymous, named};
use super::ways::{WAYS, with_each};

const KEY: Key = Key { id: "AKIDEXAMPLE", secret: "CaNaRy/secret", session: None };
pub(super) const SESSION: Key = Key { session: Some("CaNaRy-session"), ..KEY };
pub(super) const PRIVATE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
pub(super) const PRIVATE_API: &str = "api.ecr.eu-west-1.amazonaws.com";
const PUBLIC: &str = "public.ecr.aws";
const PUBLIC_API: &str = "api.ecr-public.us-east-1.amazonaws.com";

/// Gives a mirror an identity by the environment, and no file or metadata service beside it.
pub(super) fn as_somebody(mut mirror: Mirror, key: Key) -> Mirror {
    mirror = mirror
        .env("AWS_ACCESS_KEY_ID", key.id)
        .env("AWS_SECRET_ACCESS_KEY", key.secret)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    match key.session {
        Some(session) => mirror.env("AWS_SESSION_TOKEN", session),
        None => mirror,
    }
}

/// Judges a token as whoever lets somebody in by it would: part by part.
#[track_caller]
fn assert_token(token: &str, key: Key, region: &str, audience: &str) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, ""] = parts[..] else { panic!("no two parts and an empty one: {token}") };
    let [header, claims] = [header, claims].map(|part| {
        let text = URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice::<Value>(&text).expect("JSON")
    });
    assert_eq!(header, json!({"alg": "none", "typ": "aws-sigv4-getcalleridentity"}));
    let url = format!("https://sts.{region}.amazonaws.com/");
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let sts = &claims["sts"];
    assert_eq!(claims["aud"], audience);
    assert_eq!(
        (&sts["method"], &sts["url"], &sts["body"]),
        (&json!("POST"), &json!(url), &json!(body))
    );
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    let left = claims["exp"].as_u64().unwrap_or_default().saturating_sub(now.as_secs());
    assert!((60..=120).contains(&left), "{left} s are left");
    let headers = sts["headers"].as_object().expect("headers");
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, values)| {
            let [value] = &values.as_array().expect("values")[..] else { panic!("one {name}") };
            (name.clone(), value.as_str().expect("a text").to_owned())
        })
        .collect();
    let named =
        |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
    assert_eq!(named("X-Audience"), Some(audience));
    assert_eq!(named("X-Amz-Security-Token"), key.session);
    let host = format!("sts.{region}.amazonaws.com");
    let signed = Signed { host: &host, headers: &headers, body: body.as_bytes() };
    signed.judge(key, "sts", region, &["x-audience"]).expect("a good signature");
}

#[tokio::test]
async fn a_question_to_sts_is_signed_for_the_audience() {
    for (way, (key, region)) in with_each(&[(KEY, None), (SESSION, Some("eu-west-1"))]) {
        let pair = Pair::new("credential: {provider: aws, aud: mirror}").with(|mirror| {
            let mirror = as_somebody(mirror, key);
            match region {
                Some(region) => mirror.env("AWS_REGION", region),
                None => mirror,
            }
        });
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("aws, by environment").await;
        for token in pair.shown() {
            assert_token(&token, key, region.unwrap_or("us-east-1"), "mirror");
        }
        running.assert_silent(&done).await;
    }
}

/// A metadata service of EC2, by its second version, with a role.
fn metadata() -> ScriptedRegistry {
    let service = ScriptedRegistry::plain();
    let answer = Fault::instead(|request, _| {
        if request.target == "/latest/api/token" && request.method == "PUT" {
            let ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds");
            let answer = Answer::status(200).body("imds");
            return Some(match ttl {
                Some(ttl) => answer.with("x-aws-ec2-metadata-token-ttl-seconds", ttl),
                None => Answer::status(400),
            });
        }
        if request.method != "GET" || request.header("x-aws-ec2-metadata-token") != Some("imds") {
            return Some(Answer::status(401));
        }
        let role = "/latest/meta-data/iam/security-credentials";
        let path = request.path.trim_end_matches('/');
        Some(if path.starts_with(role) && path.ends_with(role) {
            Answer::status(200).body("mirror")
        } else if path == format!("{role}/mirror") {
            let body = json!({
                "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                "AccessKeyId": SESSION.id, "SecretAccessKey": SESSION.secret,
                "Token": SESSION.session, "Expiration": "2999-01-01T00:00:00Z",
            });
            Answer::json(200, &body)
        } else if path == "/latest/meta-data/placement/region" {
            Answer::status(200).body("eu-central-1")
        } else {
            Answer::status(404)
        })
    });
    service.script(Rule::any(), answer);
    service
}

#[tokio::test]
async fn a_machine_is_somebody_by_its_metadata_service() {
    for way in WAYS {
        let metadata = metadata();
        let pair = Pair::new("credential: {provider: aws}")
            .with(|mirror| mirror.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url()));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("aws, by role of the machine").await;
        for token in pair.shown() {
            assert_token(&token, SESSION, "eu-central-1", &pair.destination.host());
        }
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn nobody_is_told_what_to_check() {
    let pair = Pair::new("credential: {provider: aws}")
        .with(|mirror| mirror.env("AWS_EC2_METADATA_DISABLED", "true"));
    let done = pair.mirror.sync(&[]).run().await;
    done.assert_code(1);
    let to = pair.destination.host();
    let asked = format!(
        "no credential for {to} from aws: signing a question to STS for {to}: no \
                         source of the AWS chain has credentials; check that "
    );
    assert!(done.stdout.contains(&asked), "{done}");
    pair.destination.log().assert(&[]);
}

/// ECR's door for passwords: it takes what `KEY` signed for it, and gives a password that is good for so
/// long.
pub(super) fn ecr(pki: &Pki, host: &'static str, life: Duration) -> ScriptedRegistry {
    let door =
        ScriptedRegistry::start(ScriptedOptions { tls: Some(pki.clone()), ..Default::default() });
    let answer = Fault::instead(move |request, _| {
        let is_public = host == PUBLIC_API;
        let (service, region, target) = if is_public {
            ("ecr-public", "us-east-1", "SpencerFrontendService.GetAuthorizationToken")
        } else {
            let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
            ("ecr", "eu-west-1", target)
        };
        let signed = Signed { host, headers: &request.headers, body: &request.body };
        let judged = signed.judge(SESSION, service, region, &["x-amz-target", "content-type"]);
        let is_right = request.method == "POST"
            && request.target == "/"
            && request.header("host") == Some(host)
            && request.header("x-amz-target") == Some(target)
            && request.header("content-type") == Some("application/x-amz-json-1.1")
            && &*request.body == b"{}";
        if judged.is_err() {
            let kind = "com.amazonaws.ecr#InvalidSignatureException";
            return Some(Answer::json(
                400,
                &json!({"__type": kind, "message": "another signature"}),
            ));
        }
        if !is_right {
            return Some(Answer::json(400, &json!({"__type": "x#SerializationException"})));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
        let authorization = json!({
            "authorizationToken": STANDARD.encode("AWS:CaNaRy:p4ss"),
            "expiresAt": (now + life).as_secs_f64(),
            "proxyEndpoint": format!("https://{PRIVATE}"),
        });
        let data = if is_public { authorization } else { json!([authorization]) };
        Some(Answer::json(200, &json!({"authorizationData": data})))
    });
    door.script(Rule::any(), answer);
    door
}

/// ECR itself: one registry and its door, in front of them a proxy that knows their names.
struct Ecr {
    registry: ScriptedRegistry,
    door: ScriptedRegistry,
    source: ScriptedRegistry,
    proxy: ForwardProxy,
    mirror: Mirror,
}

impl Ecr {
    fn new(host: &'static str, api: &'static str, life: Duration) -> Self {
        let pki = Pki::of_names(&[host, api]);
        let user = "AWS".to_owned();
        let auth = Auth::Basic { user, password: "CaNaRy:p4ss".to_owned() };
        let tls = Some(pki.clone());
        let registry = ScriptedRegistry::start(ScriptedOptions { tls, auth, ..Default::default() });
        let door = ecr(&pki, api, life);
        let source = ScriptedRegistry::plain();
        for number in 0..10 {
            source.store().push("app", &format!("v{number}"), &image("app"));
        }
        let proxy = named(&[(host, &registry), (api, &door)]);
        let mirror = as_somebody(mirror(), SESSION)
            .env("AWS_REGION", "ap-southeast-2")
            .env("HTTPS_PROXY", proxy.url())
            .env("SSL_CERT_FILE", pki.ca())
            .host(host, "provider: ecr")
            .artifact(&format!("{}/app", source.host()), &format!("{host}/app"));
        Self { registry, door, source, proxy, mirror }
    }
}

#[tokio::test]
async fn ecr_gives_a_password_once_to_each_process() {
    for (way, (host, api)) in with_each(&[(PRIVATE, PRIVATE_API), (PUBLIC, PUBLIC_API)]) {
        let ecr = Ecr::new(host, api, Duration::from_secs(12 * 3600));
        let running = way.begin(&ecr.mirror).await;
        let done = running.sync_by("ecr, by environment").await;
        ecr.registry.store().assert_holds("app", "v1", &image("app"));
        let processes = running.processes();
        assert_eq!(ecr.door.log().count(), processes, "{}", ecr.door.log());
        running.sync(&["--overwrite"]).await;
        let more = usize::from(processes == 1);
        assert_eq!(ecr.door.log().count(), processes + more, "a fleet's processes have it still");
        let asked = ecr.proxy.asked();
        assert!(asked.iter().all(|asked| asked.contains(host) || asked.contains(api)), "{asked:?}");
        assert_anonymous(&ecr.source.log());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_refusal_of_ecr_is_told_once_for_all_jobs() {
    let mut ecr = Ecr::new(PRIVATE, PRIVATE_API, Duration::from_secs(3600));
    ecr.mirror = ecr.mirror.env("AWS_SECRET_ACCESS_KEY", "another");
    let done = ecr.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    let asked = format!(
        "no credential for {PRIVATE} from ecr: asking https://{PRIVATE_API}/ for a password: it answered \
         400 (InvalidSignatureException: another signature); check that this AWS identity may call \
         ecr:GetAuthorizationToken"
    );
    assert!(done.stdout.contains(&asked), "{done}");
    assert_eq!(ecr.door.log().count(), 1, "{}", ecr.door.log());
    ecr.registry.log().assert(&[]);
}
