//! Microsoft Entra: tokens for an audience and passwords of ACR, in both modes. Its names stand for servers
//! of ours by a proxy, and each refuses what is not exactly right.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{
    Answer, Auth, Fault, Realm, Request, Rule, ScriptedOptions, ScriptedRegistry, TokenAuth, User,
};
use serde_json::json;
use url::form_urlencoded;

use super::mirror;
use super::pair::{Pair, assert_anonymous, behind_names};
use super::ways::{WAYS, with_each};

pub(super) const ENTRA: &str = "login.microsoftonline.com";
pub(super) const REGISTRY: &str = "myregistry.azurecr.io";
pub(super) const ACR_USER: &str = "00000000-0000-0000-0000-000000000000";
pub(super) const SECRET: &str = "CaNaRy-s3cret";
/// Whom the tokens of most tests are for.
pub(super) const AUDIENCE: &str = "api://mirror";
/// Whom a token is for that a registry takes.
pub(super) const MANAGEMENT: &str = "https://management.azure.com";

/// A server over TLS that answers as `answer` says.
fn server(
    pki: &Pki,
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> ScriptedRegistry {
    let server =
        ScriptedRegistry::start(ScriptedOptions { tls: Some(pki.clone()), ..Default::default() });
    server.script(Rule::any(), Fault::instead(move |request, _| Some(answer(request))));
    server
}

/// The fields of a form, in their order.
fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn is_posted_form(request: &Request, target: &str) -> bool {
    request.method == "POST"
        && request.target == target
        && request.header("content-type") == Some("application/x-www-form-urlencoded")
}

/// Entra, with a client `mirror` of `tenant`, by a secret or by a federated token, for these audiences.
pub(super) fn entra(pki: &Pki, audiences: &'static [&'static str]) -> ScriptedRegistry {
    server(pki, move |request| {
        let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let given = form(request);
        let is_right = audiences.iter().any(|audience| {
            let scope = format!("{audience}/.default");
            let common =
                [("client_id", "mirror"), ("grant_type", "client_credentials"), ("scope", &scope)];
            let by = |more: &[(&str, &str)]| fields(&[&common[..], more].concat());
            given == by(&[("client_secret", SECRET)])
                || given
                    == by(&[
                        ("client_assertion_type", jwt),
                        ("client_assertion", "CaNaRy-federated"),
                    ])
        });
        if !is_posted_form(request, "/tenant/oauth2/v2.0/token") {
            Answer::status(404)
        } else if is_right {
            let body = json!({
                "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
                "access_token": "CaNaRy-entra-token",
            });
            Answer::json(200, &body)
        } else {
            let said = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1";
            Answer::json(401, &json!({"error": "invalid_client", "error_description": said}))
        }
    })
}

/// A metadata service of Azure.
fn metadata(resource: &str) -> ScriptedRegistry {
    let service = ScriptedRegistry::plain();
    let target = form_urlencoded::Serializer::new(String::new())
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", resource)
        .finish();
    let target = format!("/metadata/identity/oauth2/token?{target}");
    let answer = Fault::instead(move |request, _| {
        let is_right = request.method == "GET"
            && request.target == target
            && request.header("metadata") == Some("true");
        let body = json!({
            "access_token": "CaNaRy-entra-token", "expires_in": "86399", "expires_on": "4102444800",
            "token_type": "Bearer",
        });
        Some(if is_right { Answer::json(200, &body) } else { Answer::status(400) })
    });
    service.script(Rule::any(), answer);
    service
}

/// An Azure CLI that somebody is logged in to.
fn cli(scope: &str) -> String {
    format!(
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token --output json --scope {scope}' ] || exit 2\n\
         echo '{{\"accessToken\": \"CaNaRy-entra-token\", \"expires_on\": 4102444800, \"tokenType\": \
         \"Bearer\"}}'\n"
    )
}

/// A pair whose destination wants a token of Entra, on a machine without a metadata service.
fn pair() -> Pair {
    Pair::new("credential: {provider: azure, aud: 'api://mirror'}")
        .with(|mirror| mirror.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9"))
}

/// Makes a mirror the client `mirror` of `tenant`.
pub(super) fn as_client(mirror: Mirror) -> Mirror {
    mirror.env("AZURE_TENANT_ID", "tenant").env("AZURE_CLIENT_ID", "mirror")
}

/// Asserts that all went well, by the token and no other.
#[track_caller]
fn assert_let_in(pair: &Pair) {
    let shown = pair.shown();
    assert!(shown.iter().all(|token| token == "CaNaRy-entra-token"), "{shown:?}");
}

#[tokio::test]
async fn a_client_shows_its_secret_or_its_federated_token_to_entra() {
    for (way, is_secret) in with_each(&[true, false]) {
        let pki = Pki::of_names(&[ENTRA]);
        let entra = entra(&pki, &[AUDIENCE]);
        let pair = pair().with(as_client).with(|mirror| {
            let mirror = behind_names(mirror, &pki, &[(ENTRA, &entra)]);
            if is_secret {
                mirror.env("AZURE_CLIENT_SECRET", SECRET)
            } else {
                let file = mirror.binary.write("token", "CaNaRy-federated\n");
                mirror.env("AZURE_FEDERATED_TOKEN_FILE", file)
            }
        });
        let running = way.begin(&pair.mirror).await;
        let by = if is_secret { "environment" } else { "workload identity" };
        let done = running.sync_by(&format!("azure, by {by}")).await;
        assert_let_in(&pair);
        let processes = running.processes();
        assert_eq!(entra.log().count(), processes, "{}", entra.log());
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_machine_is_somebody_by_its_metadata_service() {
    for way in WAYS {
        let metadata = metadata("api://mirror");
        let pair =
            pair().with(|mirror| mirror.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url()));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("azure, by managed identity").await;
        assert_let_in(&pair);
        // It was asked whether it is there, and then for a token.
        let processes = running.processes();
        assert_eq!(metadata.log().count(), 2 * processes, "{}", metadata.log());
        running.assert_silent(&done).await;
    }
}

/// What gives an app its identity, to whoever shows the header of its environment.
fn app() -> ScriptedRegistry {
    let app = ScriptedRegistry::plain();
    let target = "/msi/token?api-version=2019-08-01&resource=api%3A%2F%2Fmirror&client_id=mirror";
    let answer = Fault::instead(move |request, _| {
        let is_right = request.method == "GET"
            && request.target == target
            && request.header("x-identity-header") == Some("CaNaRy-right");
        let body = json!({"access_token": "CaNaRy-entra-token", "expires_on": "4102444800"});
        Some(if is_right { Answer::json(200, &body) } else { Answer::status(401) })
    });
    app.script(Rule::any(), answer);
    app
}

#[tokio::test]
async fn an_app_is_somebody_by_what_its_environment_names() {
    for way in WAYS {
        let app = app();
        let pair = pair().with(|mirror| {
            mirror
                .env("IDENTITY_ENDPOINT", format!("{}/msi/token", app.url()))
                .env("IDENTITY_HEADER", "CaNaRy-right")
                .env("AZURE_CLIENT_ID", "mirror")
        });
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("azure, by managed identity").await;
        assert_let_in(&pair);
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn the_cli_is_asked_when_a_metadata_service_only_says_no() {
    for way in WAYS {
        // A hosted runner is a machine of Azure's, without an identity of its own.
        let metadata = metadata("another");
        let pair =
            pair().with(|mirror| mirror.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url()));
        pair.mirror.binary.write_program("az", &cli("api://mirror/.default"));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync_by("azure, by Azure CLI").await;
        assert_let_in(&pair);
        let processes = running.processes();
        assert_eq!(metadata.log().count(), 2 * processes, "{}", metadata.log());
        running.assert_silent(&done).await;
    }
}

/// A pair whose Entra takes questions and never answers.
fn pair_of_silence() -> (Pair, ScriptedRegistry) {
    let pki = Pki::of_names(&[ENTRA]);
    let silent =
        ScriptedRegistry::start(ScriptedOptions { tls: Some(pki.clone()), ..Default::default() });
    silent.script(Rule::any(), Fault::hang());
    let pair = pair().with(as_client).with(|mirror| {
        behind_names(mirror, &pki, &[(ENTRA, &silent)]).env("AZURE_CLIENT_SECRET", SECRET)
    });
    (pair, silent)
}

#[tokio::test]
async fn a_silent_entra_leaves_the_cli_its_time() {
    let (pair, silent) = pair_of_silence();
    pair.mirror.binary.write_program("az", &cli("api://mirror/.default"));
    pair.mirror.sync(&[]).run().await.assert_code(0);
    assert_let_in(&pair);
    assert_eq!(silent.log().count(), 1, "{}", silent.log());
}

#[tokio::test]
async fn a_silent_entra_is_named_when_none_of_the_others_knows_us() {
    let (pair, _silent) = pair_of_silence();
    let done = pair.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    for said in [
        "api://mirror: environment: no answer within 5 s; workload identity: ",
        "; managed identity: no metadata service (",
        "; Azure CLI: az is not in PATH; check one of these:",
    ] {
        assert!(done.stdout.contains(said), "{said}: {done}");
    }
    pair.destination.log().assert(&[]);
}

#[tokio::test]
async fn what_each_source_said_is_told_when_none_knows_us() {
    let pki = Pki::of_names(&[ENTRA]);
    let entra = entra(&pki, &[AUDIENCE]);
    let pair = pair().with(as_client).with(|mirror| {
        behind_names(mirror, &pki, &[(ENTRA, &entra)]).env("AZURE_CLIENT_SECRET", "wrong")
    });
    pair.mirror.binary.write_program("az", "#!/bin/sh\necho 'Please run az login' >&2; exit 1\n");
    let done = pair.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    let host = pair.destination.host();
    for said in [
        &format!(
            "no credential for {host} from azure: asking Microsoft Entra for a token for \
             api://mirror: environment: it answered 401 (AADSTS7000215: Invalid client secret \
             provided. Trace ID: 1); workload identity: AZURE_FEDERATED_TOKEN_FILE is not set; \
             managed identity: no metadata service ("
        ),
        "; Azure CLI: az failed (exit status: 1): Please run az login; check one of these:",
    ] {
        assert!(done.stdout.contains(said), "{said}: {done}");
    }
    pair.destination.log().assert(&[]);
}

/// A refresh token that lives three hours.
pub(super) fn refresh_token() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    let claims = json!({"exp": now.as_secs() + 3 * 3600}).to_string();
    format!("h.{}.CaNaRy", URL_SAFE_NO_PAD.encode(claims))
}

/// ACR: a registry with tokens, for whoever shows the refresh token that it gave for one of Entra's.
fn acr(pki: &Pki) -> ScriptedRegistry {
    let refresh = refresh_token();
    let users = vec![User::new(ACR_USER, &refresh)];
    let auth = Auth::Token(TokenAuth {
        users,
        realm: Realm::Url(format!("https://{REGISTRY}/token")),
        service: REGISTRY.to_owned(),
        ..TokenAuth::default()
    });
    let tls = Some(pki.clone());
    let registry = ScriptedRegistry::start(ScriptedOptions { tls, auth, ..Default::default() });
    exchange(&registry, refresh);
    registry
}

/// Has a registry give a refresh token for a token of Entra.
pub(super) fn exchange(registry: &ScriptedRegistry, refresh: String) {
    let exchange = Fault::instead(move |request, _| {
        let expected = fields(&[
            ("grant_type", "access_token"),
            ("service", REGISTRY),
            ("access_token", "CaNaRy-entra-token"),
        ]);
        let is_right = is_posted_form(request, "/oauth2/exchange") && form(request) == expected;
        Some(if is_right {
            Answer::json(200, &json!({"refresh_token": refresh}))
        } else {
            Answer::error(401, "UNAUTHORIZED", "the token is of no use")
        })
    });
    registry.script(Rule::any().target("/oauth2/exchange"), exchange);
}

/// A mirror into ACR, by a client's secret.
struct Acr {
    entra: ScriptedRegistry,
    registry: ScriptedRegistry,
    source: ScriptedRegistry,
    mirror: Mirror,
}

impl Acr {
    fn new() -> Self {
        let pki = Pki::of_names(&[ENTRA, REGISTRY]);
        let (entra, registry) = (entra(&pki, &[MANAGEMENT]), acr(&pki));
        let source = ScriptedRegistry::plain();
        source.store().push("app", "v1", &image("app"));
        let places = [(ENTRA, &entra), (REGISTRY, &registry)];
        let mirror = behind_names(as_client(mirror()), &pki, &places)
            .env("AZURE_CLIENT_SECRET", SECRET)
            .host(REGISTRY, "provider: acr")
            .artifact(&format!("{}/app", source.host()), &format!("{REGISTRY}/app"));
        Self { entra, registry, source, mirror }
    }
}

#[tokio::test]
async fn acr_gives_a_password_for_a_token_of_entra() {
    for way in WAYS {
        let acr = Acr::new();
        let running = way.begin(&acr.mirror).await;
        let done = running.sync_by("acr, by environment").await;
        acr.registry.store().assert_holds("app", "v1", &image("app"));
        assert_anonymous(&acr.source.log());
        let processes = running.processes();
        assert_eq!(acr.entra.log().count(), processes, "{}", acr.entra.log());
        let log = acr.registry.log();
        let exchanged = log.only(|entry| entry.target == "/oauth2/exchange").count();
        assert_eq!(exchanged, processes, "{log}");
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_registry_that_does_not_take_the_token_is_named() {
    let acr = Acr::new();
    acr.registry.clear_script();
    acr.registry.script(Rule::any(), Fault::error(401, "UNAUTHORIZED"));
    let done = acr.mirror.sync(&["--retries=0"]).run().await;
    done.assert_code(1);
    let said = format!(
        "no credential for {REGISTRY} from acr: asking https://{REGISTRY}/oauth2/exchange for a \
         password: it answered 401"
    );
    assert!(done.stdout.contains(&said), "{done}");
    assert!(done.stdout.contains("check that the identity has the role AcrPull"), "{done}");
}
