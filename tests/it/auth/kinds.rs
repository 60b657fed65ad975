//! Every kind of credential at once: a world of registries that each want one, by names that a proxy knows,
//! beside the servers that give them.

use std::time::Duration;

use mirror_tests::binary::Finished;
use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::google::ServiceAccount;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{
    Auth, Listener, Realm, ScriptedOptions, ScriptedRegistry, TokenAuth, User,
};
use mirror_tests::servers::WorkloadApi;
use serde_json::json;

use super::ways::WAYS;
use super::{aws, azure, gcp, identities, mirror};

const ROBOT: &str = "CaNaRy-robot";
const PASSWORD: &str = "CaNaRy-password";
const REFRESH: &str = "CaNaRy-refresh";

/// A registry that wants a credential, by its name in the world.
pub(super) struct Place {
    pub(super) host: &'static str,
    /// Another host of its own: where blobs are, or tokens, or uploads go to.
    pub(super) other: String,
    pub(super) registry: ScriptedRegistry,
    /// What `--verbose` calls the source of its credential.
    source: String,
    /// Whom it lets in by a password; any bearer token without.
    pub(super) user: Option<User>,
}

/// All of them, and a mirror that carries an image from each and one to each.
pub(super) struct World {
    pub(super) places: Vec<Place>,
    /// Who gives credentials, but for ACR itself.
    pub(super) doors: Vec<ScriptedRegistry>,
    pub(super) plain: ScriptedRegistry,
    pub(super) proxy: ForwardProxy,
    pub(super) mirror: Mirror,
    _workload: WorkloadApi,
}

/// A kind: its host, the fields of that in the config, what its source is called, and whom it lets in.
type Row = (&'static str, &'static str, String, Option<User>);

/// Every kind but those of TLS. `refresh` is the password of ACR.
fn rows(mirror: &Mirror, refresh: &str) -> Vec<Row> {
    let text = str::to_owned;
    let robot = || Some(User::new(ROBOT, PASSWORD));
    let by_token = || Some(User { refresh_token: Some(text(REFRESH)), ..User::new("-", "-") });
    let file = |name: &str| mirror.binary.folder().join(name).display().to_string();
    let (docker, podman) = (file("home/.docker/config.json"), file("podman.json"));
    let helper = format!("docker-credential-canary, named in {docker}");
    let issued = |provider: &str| format!("the provider {provider}");
    let [value, signed] = ["the config's value", "the config's JWK"].map(text);
    let secret = text("the config's file secret");
    vec![
        ("value.test", "credential: {value: CaNaRy-value}", value.clone(), None),
        ("file.test", "credential: {fromPath: secret}", secret.clone(), None),
        ("key.test", "credential: {jwkPath: jwk.json, iss: me, sub: us}", signed.clone(), None),
        ("inline.test", "credential: {jwkValue: '${JWK}', iss: me, sub: us}", signed, None),
        ("github.test", "credential: {provider: github, aud: mirror}", issued("github"), None),
        ("forgejo.test", "credential: {provider: forgejo, aud: mirror}", issued("forgejo"), None),
        ("gcp.test", "credential: {provider: gcp, aud: mirror}", issued("gcp"), None),
        ("azure.test", "credential: {provider: azure, aud: 'api://mirror'}", issued("azure"), None),
        ("aws.test", "credential: {provider: aws, aud: mirror}", issued("aws"), None),
        ("svid.test", "credential: {provider: jwt-svid, aud: us}", issued("jwt-svid"), None),
        (
            "user.test",
            "username: CaNaRy-robot, credential: {value: CaNaRy-password}",
            value,
            robot(),
        ),
        (
            "user-file.test",
            "username: CaNaRy-robot, credential: {fromPath: secret}",
            secret,
            Some(User::new(ROBOT, "CaNaRy-file")),
        ),
        (
            "job.test",
            "username: oidc, credential: {provider: github, aud: mirror}",
            issued("github"),
            Some(User::new("oidc", identities::ID_TOKEN)),
        ),
        (aws::PRIVATE, "provider: ecr", issued("ecr"), Some(User::new("AWS", "CaNaRy:p4ss"))),
        (
            azure::REGISTRY,
            "provider: acr",
            issued("acr"),
            Some(User::new(azure::ACR_USER, refresh)),
        ),
        (
            gcp::GAR,
            "provider: gar",
            issued("gar"),
            Some(User::new("oauth2accesstoken", "CaNaRy-access")),
        ),
        ("login.test", "", docker.clone(), robot()),
        ("identity.test", "", docker.clone(), by_token()),
        ("bearer.test", "", docker, None),
        ("helper.test", "", helper, robot()),
        ("podman.test", "", podman, robot()),
    ]
}

/// Gives a mirror all that the kinds are made of.
fn equipped(mirror: Mirror, account: &ServiceAccount, workload: &WorkloadApi) -> Mirror {
    let binary = &mirror.binary;
    binary.write("secret", "CaNaRy-file\n");
    binary.write("jwk.json", identities::JWK);
    let login = json!({"username": ROBOT, "password": PASSWORD});
    binary.write_docker_config(&json!({
        "auths": {
            "login.test": login,
            "identity.test": {"identitytoken": REFRESH},
            "bearer.test": {"registrytoken": "CaNaRy-bearer"},
        },
        "credHelpers": {"helper.test": "canary"},
    }));
    let podman = binary.write("podman.json", json!({"auths": {"podman.test": login}}).to_string());
    binary.write_program(
        "docker-credential-canary",
        &format!("#!/bin/sh\necho '{{\"Username\": \"{ROBOT}\", \"Secret\": \"{PASSWORD}\"}}'\n"),
    );
    let mirror = aws::as_somebody(azure::as_client(mirror), aws::SESSION);
    gcp::with_file(mirror, &account.file())
        .env("REGISTRY_AUTH_FILE", podman)
        .env("JWK", identities::JWK)
        .env("AZURE_CLIENT_SECRET", azure::SECRET)
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
        .env("SPIFFE_ENDPOINT_SOCKET", workload.endpoint("mirror"))
}

impl World {
    pub(super) async fn new() -> Self {
        let workload = WorkloadApi::start(&["mirror"], 3600).await;
        let account = ServiceAccount::new(gcp::ACCOUNT);
        let plain = ScriptedRegistry::plain();
        plain.store().push("app", "v1", &image("app"));
        let refresh = azure::refresh_token();
        let mirror = equipped(mirror(), &account, &workload);
        let rows = rows(&mirror, &refresh);

        let others: Vec<String> = rows.iter().map(|(host, ..)| format!("other.{host}")).collect();
        let givers = [azure::ENTRA, gcp::TOKEN_HOST, aws::PRIVATE_API];
        let names: Vec<&str> = rows.iter().map(|(host, ..)| *host).collect();
        let names = names.into_iter().chain(others.iter().map(String::as_str)).chain(givers);
        let pki = Pki::of_names(&names.collect::<Vec<_>>());

        let runner = identities::runner("mirror", "CaNaRy-right");
        let mut mirror = identities::as_job(mirror, &runner, "CaNaRy-right");
        let doors = vec![
            azure::entra(&pki, &[azure::AUDIENCE, azure::MANAGEMENT]),
            gcp::token_server(&pki, account, "mirror"),
            aws::ecr(&pki, aws::PRIVATE_API, Duration::from_hours(12)),
            runner,
        ];
        let mut known: Vec<(String, String)> = givers
            .iter()
            .zip(&doors)
            .map(|(name, door)| (format!("{name}:443"), door.host()))
            .collect();
        let mut places = Vec::new();
        for ((host, fields, source, user), other) in rows.into_iter().zip(others) {
            let tls = Some(pki.clone());
            let registry = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
            registry.store().push("app", "v1", &image(host));
            known.push((format!("{host}:443"), registry.host()));
            known.push((format!("{other}:443"), registry.other_host()));
            if !fields.is_empty() {
                mirror = mirror.host(host, fields);
            }
            mirror = mirror
                .artifact(&format!("{host}/app"), &format!("{}/{host}", plain.host()))
                .artifact(&format!("{}/app", plain.host()), &format!("{host}/up"));
            if host == azure::REGISTRY {
                azure::exchange(&registry, refresh.clone());
            }
            let place = Place { host, other, registry, source, user };
            place.want_tokens_of(host);
            places.push(place);
        }
        let known: Vec<(&str, &str)> =
            known.iter().map(|(name, place)| (&**name, &**place)).collect();
        let proxy = ForwardProxy::start(&known);
        let mirror = mirror.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", pki.ca());
        Self { places, doors, plain, proxy, mirror, _workload: workload }
    }

    /// Asserts that each place was read and written.
    #[track_caller]
    pub(super) fn assert_all_done(&self) {
        for place in &self.places {
            self.plain.store().assert_holds(place.host, "v1", &image(place.host));
            place.registry.store().assert_holds("up", "v1", &image("app"));
        }
    }

    /// Asserts that nobody was asked whom the world does not know.
    #[track_caller]
    pub(super) fn assert_only_known_asked(&self) {
        let asked = self.proxy.asked();
        let is_known = |asked: &String| {
            let name = asked.strip_prefix("CONNECT ").and_then(|it| it.strip_suffix(":443"));
            name.is_some_and(|name| {
                self.places.iter().any(|place| place.host == name || place.other == name)
                    || [azure::ENTRA, gcp::TOKEN_HOST, aws::PRIVATE_API].contains(&name)
            })
        };
        let stranger = asked.iter().find(|asked| !is_known(asked));
        assert!(stranger.is_none(), "{stranger:?}");
    }
}

impl Place {
    /// Where it lets in by a password, has it do so by tokens of a host.
    pub(super) fn want_tokens_of(&self, realm: &str) {
        let Some(user) = self.user.clone() else { return };
        self.want_tokens(format!("https://{realm}/token"), vec![user]);
    }

    /// Has it want tokens of a realm, which it gives to these users.
    pub(super) fn want_tokens(&self, realm: String, users: Vec<User>) {
        let auth = TokenAuth { realm: Realm::Url(realm), users, ..TokenAuth::default() };
        self.registry.set(|options| options.auth = Auth::Token(auth));
    }

    /// Returns what came to its other host.
    pub(super) fn elsewhere(&self) -> mirror_tests::scripted::Log {
        self.registry.log().only(|entry| entry.listener == Listener::Other)
    }

    /// Returns whether one of the world's doors gives its credential.
    pub(super) fn is_given(&self) -> bool {
        let by_none = ["aws", "jwt-svid"].map(|provider| format!("the provider {provider}"));
        self.source.starts_with("the provider") && !by_none.contains(&self.source)
    }

    /// Asserts that it was said where its credential came from.
    #[track_caller]
    fn assert_named(&self, said: &str) {
        let Self { host, source, .. } = self;
        let is_it = |line: &str| {
            line.contains("using credential") && line.contains(host) && line.contains(&**source)
        };
        assert!(said.lines().any(is_it), "{host} by {source}: {said}");
    }
}

#[tokio::test]
async fn every_kind_lets_in_one_process_and_a_fleet_and_shows_nowhere() {
    for way in WAYS {
        let world = World::new().await;
        let running = way.begin(&world.mirror).await;
        let done: Finished = running.sync(&["--verbose"]).await;
        done.assert_code(0);
        world.assert_all_done();
        world.assert_only_known_asked();
        let said = format!("{}{}", running.logs(), done.stderr);
        for place in &world.places {
            place.assert_named(&said);
            let log = place.registry.log();
            assert!(log.entries().iter().any(|entry| entry.authorization.is_some()), "{log}");
        }
        world.plain.log().assert_anonymous();
        running.assert_silent(&done).await;
    }
}
