//! Google Cloud: ID tokens for an audience and passwords of Artifact Registry, in both modes. Its names stand
//! for servers of ours by a proxy, and each refuses what is not exactly right.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirror_tests::google::ServiceAccount;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{
    Answer, Auth, Fault, Log, Request, Rule, ScriptedOptions, ScriptedRegistry,
};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::mirror;
use super::pair::{Pair, assert_anonymous, behind_names};
use super::ways::{WAYS, with_each};

pub(super) const TOKEN_HOST: &str = "oauth2.googleapis.com";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
pub(super) const STS: &str = "sts.googleapis.com";
const IAM: &str = "iamcredentials.googleapis.com";
const NAMES: [&str; 4] = [TOKEN_HOST, STS, IAM, GAR];
pub(super) const GAR: &str = "europe-west1-docker.pkg.dev";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
pub(super) const ACCOUNT: &str = "mirror@test.iam.gserviceaccount.com";
/// Of the workload identity federation.
const POOL: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/g";

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("it is later").as_secs()
}

/// An ID token as Google has them, for an audience, which lives an hour.
fn id_token(audience: &str) -> String {
    let claims = json!({"aud": audience, "exp": now() + 3600, "email": ACCOUNT});
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.CaNaRy", part(&json!({"alg": "RS256"})), part(&claims))
}

/// Whether a token that was shown is Google's for this audience.
fn is_id_token(token: &str, audience: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.is_some_and(|claims| claims["aud"] == audience && claims["email"] == ACCOUNT)
}

/// A server that answers as `answer` says, and 400 where it says nothing.
fn server(
    tls: Option<&Pki>,
    answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
) -> ScriptedRegistry {
    let tls = tls.cloned();
    let server = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
    let refused = || Answer::json(400, &json!({"error": "invalid_grant"}));
    let answer = move |request: &Request| answer(request).unwrap_or_else(refused);
    server.script(Rule::any(), Fault::instead(move |request, _| Some(answer(request))));
    server
}

fn field(request: &Request, name: &str) -> Option<String> {
    let mut form = form_urlencoded::parse(&request.body);
    form.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The metadata server of a machine whose service account is `ACCOUNT`.
fn metadata() -> ScriptedRegistry {
    server(None, |request| {
        let is_right =
            request.method == "GET" && request.header("metadata-flavor") == Some("Google");
        let account = "/computeMetadata/v1/instance/service-accounts/default";
        let path = request.path.strip_prefix(account).filter(|_| is_right)?;
        match path {
            "/identity" if request.parameter("format") == Some("full") => {
                Some(Answer::status(200).body(id_token(request.parameter("audience")?)))
            }
            "/token" if request.parameter("scopes") == Some(SCOPE) => {
                let body = json!({
                    "access_token": "CaNaRy-access", "expires_in": 3599, "token_type": "Bearer",
                });
                Some(Answer::json(200, &body))
            }
            _ => None,
        }
    })
}

/// Google's token server, for the key of an account: an ID token for `audience`, or an access token.
pub(super) fn token_server(
    pki: &Pki,
    account: ServiceAccount,
    audience: &'static str,
) -> ScriptedRegistry {
    server(Some(pki), move |request| {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let is_right = request.method == "POST"
            && request.target == "/token"
            && field(request, "grant_type").as_deref() == Some(grant);
        let claims = account.judge(&field(request, "assertion").filter(|_| is_right)?).ok()?;
        let at = |name: &str| claims[name].as_u64().unwrap_or_default();
        // Google's own library lets it live ten seconds longer than an hour, for clocks that differ.
        let is_fresh = at("iat") <= now() + 1 && (now()..=now() + 3611).contains(&at("exp"));
        if claims["iss"] != ACCOUNT || claims["aud"] != TOKEN_URL || !is_fresh {
            return None;
        }
        if claims["target_audience"] == audience {
            Some(Answer::json(200, &json!({"id_token": id_token(audience)})))
        } else if claims["scope"] == SCOPE {
            let body = json!({"access_token": "CaNaRy-access", "expires_in": 3599, "token_type": "Bearer"});
            Some(Answer::json(200, &body))
        } else {
            None
        }
    })
}

/// The token service of the federation: it takes `subject` and gives an access token for it.
fn sts(pki: &Pki) -> ScriptedRegistry {
    server(Some(pki), |request| {
        let expected = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", POOL),
            ("subject_token", "CaNaRy-subject"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let is_right = request.method == "POST" && request.target == "/v1/token";
        let has = |(name, value): &(&str, &str)| field(request, name).as_deref() == Some(value);
        (is_right && expected.iter().all(has)).then(|| {
            let body = json!({
                "access_token": "CaNaRy-federated", "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            });
            Answer::json(200, &body)
        })
    })
}

/// IAM: whoever has the federation's token, or a user's, may be `ACCOUNT`.
fn iam(pki: &Pki) -> ScriptedRegistry {
    server(Some(pki), |request| {
        let is_known = ["Bearer CaNaRy-federated", "Bearer CaNaRy-user"].map(Some);
        let method = request.target.strip_prefix("/v1/projects/-/serviceAccounts/")?;
        let method = method.strip_prefix(ACCOUNT).filter(|_| request.method == "POST")?;
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        if !is_known.contains(&request.header("authorization")) {
            return Some(Answer::json(403, &json!({"error": {"status": "PERMISSION_DENIED"}})));
        }
        match method {
            ":generateIdToken" if body["includeEmail"] == true => {
                Some(Answer::json(200, &json!({"token": id_token(body["audience"].as_str()?)})))
            }
            ":generateAccessToken" if body["scope"] == json!([SCOPE]) => {
                let end = "2999-01-01T00:00:00Z";
                Some(Answer::json(200, &json!({"accessToken": "CaNaRy-access", "expireTime": end})))
            }
            _ => None,
        }
    })
}

/// A file of workload identity federation, which may impersonate an account.
pub(super) fn federation(mirror: &Mirror, account: Option<&str>) -> Value {
    let file = mirror.binary.write("subject", "CaNaRy-subject").display().to_string();
    let mut content = json!({
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": file},
    });
    if let Some(account) = account {
        let url = format!("https://{IAM}/v1/projects/-/serviceAccounts/{account}");
        content["service_account_impersonation_url"] = json!(format!("{url}:generateAccessToken"));
    }
    content
}

/// A user who has logged in.
fn user() -> Value {
    json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "CaNaRy-s", "refresh_token": "CaNaRy-r",
    })
}

/// The file of a user who may be `ACCOUNT`.
pub(super) fn impersonation() -> Value {
    let url = format!("https://{IAM}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": url,
        "source_credentials": user(),
    })
}

/// Google's token server, for the login of `user`.
fn user_server(pki: &Pki) -> ScriptedRegistry {
    server(Some(pki), |request| {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let expected = [
            ("client_id", "c"),
            ("client_secret", "CaNaRy-s"),
            ("refresh_token", "CaNaRy-r"),
            ("grant_type", "refresh_token"),
        ];
        let is_right = request.method == "POST" && request.target == "/token";
        (is_right && expected.iter().all(|(name, value)| body[name] == *value)).then(|| {
            let body =
                json!({"access_token": "CaNaRy-user", "expires_in": 3599, "token_type": "Bearer"});
            Answer::json(200, &body)
        })
    })
}

/// Names a file as the Application Default Credentials.
pub(super) fn with_file(mirror: Mirror, content: &Value) -> Mirror {
    let path = mirror.binary.write("google/adc.json", content.to_string());
    mirror.env("GOOGLE_APPLICATION_CREDENTIALS", path)
}

/// A pair whose destination wants an ID token.
fn pair() -> Pair {
    Pair::new("credential: {provider: gcp, aud: mirror}")
}

/// Asserts that all went well, by an ID token for the audience and nothing else.
#[track_caller]
fn assert_let_in(pair: &Pair) {
    let shown = pair.shown();
    assert!(shown.iter().all(|token| is_id_token(token, "mirror")), "{shown:?}");
}

/// Asserts that a file gives no ID token, and that this is said.
async fn assert_refused(pair: Pair, content: &Value, said: &str) {
    let pair = pair.with(|mirror| with_file(mirror, content));
    let done = pair.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    let host = pair.destination.host();
    let asked =
        format!("no credential for {host} from gcp: asking for a Google ID token for mirror");
    assert!(done.stdout.contains(&asked) && done.stdout.contains(said), "{said}: {done}");
    assert!(done.stdout.contains("check the file of GOOGLE_APPLICATION_CREDENTIALS"), "{done}");
    pair.destination.log().assert(&[]);
}

#[tokio::test]
async fn a_machine_and_a_key_of_a_service_account_have_id_tokens() {
    for (way, is_machine) in with_each(&[true, false]) {
        let pki = Pki::of_names(&NAMES);
        let account = ServiceAccount::new(ACCOUNT);
        let file = account.file();
        let server = if is_machine { metadata() } else { token_server(&pki, account, "mirror") };
        let pair = pair().with(|mirror| {
            if is_machine {
                return mirror.env("GCE_METADATA_HOST", server.host());
            }
            behind_names(with_file(mirror, &file), &pki, &[(TOKEN_HOST, &server)])
        });
        let running = way.begin(&pair.mirror).await;
        let done = running
            .sync_by(if is_machine { "gcp, by the metadata server" } else { "gcp, by /" })
            .await;
        assert_let_in(&pair);
        let processes = running.processes();
        assert_eq!(server.log().count(), processes, "{}", server.log());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_federated_workload_has_id_tokens_of_the_account_that_it_impersonates() {
    for way in WAYS {
        let pki = Pki::of_names(&NAMES);
        let (sts, iam) = (sts(&pki), iam(&pki));
        let pair = pair().with(|mirror| {
            let content = federation(&mirror, Some(ACCOUNT));
            behind_names(with_file(mirror, &content), &pki, &[(STS, &sts), (IAM, &iam)])
        });
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("gcp, by /").await;
        assert_let_in(&pair);
        let processes = running.processes();
        assert_eq!((sts.log().count(), iam.log().count()), (processes, processes));
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_user_who_may_be_a_service_account_has_its_id_tokens() {
    for way in WAYS {
        let pki = Pki::of_names(&NAMES);
        let (users, iam) = (user_server(&pki), iam(&pki));
        let places = [(TOKEN_HOST, &users), (IAM, &iam)];
        let pair =
            pair().with(|mirror| behind_names(with_file(mirror, &impersonation()), &pki, &places));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("gcp, by /").await;
        assert_let_in(&pair);
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn who_has_no_id_tokens_is_told_why() {
    let federated = pair();
    let content = federation(&federated.mirror, None);
    assert_refused(federated, &content, "it needs a service_account_impersonation_url").await;
    assert_refused(pair(), &user(), "(`authorized_user`) has no ID tokens for an audience").await;
    let unknown = json!({"type": "else"});
    assert_refused(pair(), &unknown, "the file's `type` is none of service_account, ").await;
    let empty = json!({"type": "service_account"});
    assert_refused(pair(), &empty, ": the file misses client_email or private_key; ").await;
    let stranger = json!({"type": "service_account", "token_uri": "https://sts.example.org/"});
    assert_refused(pair(), &stranger, ": the file's `token_uri` is no https URL of Google's; ")
        .await;
}

#[tokio::test]
async fn a_key_that_google_does_not_know_is_told_once_for_all_jobs() {
    let pki = Pki::of_names(&NAMES);
    let server = token_server(&pki, ServiceAccount::new(ACCOUNT), "mirror");
    let pair = pair().with(|mirror| {
        let another = ServiceAccount::new(ACCOUNT).file();
        behind_names(with_file(mirror, &another), &pki, &[(TOKEN_HOST, &server)])
    });
    for number in 0..10 {
        pair.source.store().push("app", &format!("t{number}"), &image("app"));
    }
    let done = pair.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains(": it answered 400; check "), "{done}");
    assert_eq!(server.log().count(), 1, "{}", server.log());
}

/// Artifact Registry: it takes the access token as a password.
fn gar(pki: &Pki) -> ScriptedRegistry {
    let auth =
        Auth::Basic { user: "oauth2accesstoken".to_owned(), password: "CaNaRy-access".to_owned() };
    let tls = Some(pki.clone());
    ScriptedRegistry::start(ScriptedOptions { tls, auth, ..Default::default() })
}

fn into_gar(source: &ScriptedRegistry) -> Mirror {
    source.store().push("app", "v1", &image("app"));
    mirror()
        .host(GAR, "provider: gar")
        .artifact(&format!("{}/app", source.host()), &format!("{GAR}/test/app"))
}

#[track_caller]
fn assert_in_gar(gar: &ScriptedRegistry, source: &Log) {
    gar.store().assert_holds("test/app", "v1", &image("app"));
    assert_anonymous(source);
}

#[tokio::test]
async fn artifact_registry_takes_an_access_token() {
    for (way, is_machine) in with_each(&[true, false]) {
        let pki = Pki::of_names(&NAMES);
        let (gar, source) = (gar(&pki), ScriptedRegistry::plain());
        let account = ServiceAccount::new(ACCOUNT);
        let file = account.file();
        let mirror = into_gar(&source);
        let server = if is_machine { metadata() } else { token_server(&pki, account, "nobody") };
        let mirror = if is_machine {
            let mirror = mirror.env("GCE_METADATA_HOST", server.host());
            behind_names(mirror, &pki, &[(GAR, &gar)])
        } else {
            behind_names(with_file(mirror, &file), &pki, &[(GAR, &gar), (TOKEN_HOST, &server)])
        };
        let running = way.begin(&mirror).await;
        let done = running
            .sync_by(if is_machine { "gar, by the metadata server" } else { "gar, by /" })
            .await;
        assert_in_gar(&gar, &source.log());
        let processes = running.processes();
        assert_eq!(server.log().count(), processes, "{}", server.log());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn artifact_registry_takes_the_token_of_an_account_that_is_impersonated() {
    for (way, is_federated) in with_each(&[true, false]) {
        let pki = Pki::of_names(&NAMES);
        let (gar, source) = (gar(&pki), ScriptedRegistry::plain());
        let (sts, users, iam) = (sts(&pki), user_server(&pki), iam(&pki));
        let mirror = into_gar(&source);
        let content =
            if is_federated { federation(&mirror, Some(ACCOUNT)) } else { impersonation() };
        let places = [(GAR, &gar), (STS, &sts), (TOKEN_HOST, &users), (IAM, &iam)];
        let mirror = behind_names(with_file(mirror, &content), &pki, &places);
        let running = way.begin(&mirror).await;
        let done = running.sync_by("gar, by /").await;
        assert_in_gar(&gar, &source.log());
        running.assert_silent(&done).await;
    }
}
