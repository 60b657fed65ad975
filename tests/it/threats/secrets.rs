//! Secrets show nowhere (threat S17): a distinct one in every place, and every output is searched.

use std::os::unix::process::ExitStatusExt as _;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::mirror::Mirror;
use mirror_tests::scripted::{
    Answer, Auth, Fault, Gate, Kind, Realm, Rule, ScriptedRegistry, Stop, TokenAuth, User,
};
use serde_json::json;

use super::registry;

const OUTPUTS: [&[&str]; 4] = [&[], &["--verbose"], &["-o", "json"], &["-o", "yaml"]];

/// Each secret has this in it, also in the base64 of user and password.
const CANARY: &str = "CaNaRy";

/// Asserts that no secret was printed.
#[track_caller]
fn assert_silent(done: &Finished) {
    let text = done.to_string();
    for form in [CANARY, "Q2FOYVJ5", "NhTmFSe", "DYU5hUn", "scripted-token"] {
        assert!(!text.contains(form), "`{form}` is printed: {text}");
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum Breaks {
    Nothing,
    /// With this status, at this kind of request.
    Refused(Kind, u16),
    /// The connection, at this kind of request.
    Connection(Kind),
}

const BREAKS: [Breaks; 14] = [
    Breaks::Nothing,
    Breaks::Refused(Kind::Token, 401),
    Breaks::Refused(Kind::Token, 500),
    Breaks::Refused(Kind::Tags, 401),
    Breaks::Refused(Kind::Tags, 403),
    Breaks::Refused(Kind::BlobGet, 404),
    Breaks::Refused(Kind::Cdn, 403),
    Breaks::Refused(Kind::UploadPut, 400),
    Breaks::Refused(Kind::UploadPut, 401),
    Breaks::Connection(Kind::Token),
    Breaks::Connection(Kind::Cdn),
    Breaks::Connection(Kind::UploadPut),
    Breaks::Connection(Kind::Tags),
    Breaks::Connection(Kind::ManifestPut),
];

impl Breaks {
    fn script(self, registry: &ScriptedRegistry) {
        match self {
            Self::Nothing => {}
            Self::Refused(kind, status) => {
                registry.script(Rule::on(kind), Fault::error(status, "REFUSED"));
            }
            Self::Connection(kind) => {
                registry.script(Rule::on(kind), Fault::close(Stop::Reset));
            }
        }
    }
}

/// Two registries that want tokens, redirect blobs and sign every URL.
fn pair(user: &str, password: &str, refresh: &str) -> [ScriptedRegistry; 2] {
    [registry(), ScriptedRegistry::plain()].map(|registry| {
        let robot = User { refresh_token: Some(refresh.to_owned()), ..User::new(user, password) };
        let realm = Realm::Url(format!("{}/token?key={CANARY}-realm", registry.url()));
        let auth = TokenAuth { realm, users: vec![robot], ..TokenAuth::default() };
        registry.set(|options| {
            options.auth = Auth::Token(auth);
            options.redirect_blobs = true;
        });
        let sign = Fault::none().edit(|_, answer| {
            if let Some(location) = answer.header("location").map(ToOwned::to_owned) {
                let sign = if location.contains('?') { '&' } else { '?' };
                answer.set("Location", format!("{location}{sign}X-Signature={CANARY}-signature"));
            }
        });
        registry.script(Rule::any(), sign);
        registry
    })
}

/// Runs every way to end with every output, over registries that know the user.
async fn search(user: [&str; 3], give: impl Fn(Mirror, [&str; 2]) -> Mirror) {
    for breaks in BREAKS {
        let [source, destination] = pair(user[0], user[1], user[2]);
        breaks.script(&source);
        breaks.script(&destination);
        let (from, to) = (source.host(), destination.host());
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        let mirror = give(mirror, [&from, &to]);
        for output in OUTPUTS {
            let done = mirror.sync(&["--retries", "0"]).arg("--overwrite");
            let done = output.iter().fold(done, mirror_tests::binary::Call::arg).run().await;
            assert_silent(&done);
            let is_good = matches!(breaks, Breaks::Nothing);
            // The manifest stands there after the first run: nothing is written that could break.
            if is_good || output.is_empty() {
                assert_eq!(done.code() == Some(0), is_good, "{breaks:?} {done}");
            }
        }
    }
}

const USER: &str = "robot-CaNaRy-user";
const PASSWORD: &str = "CaNaRy-password";
const REFRESH: &str = "CaNaRy-refresh";

#[tokio::test]
async fn a_value_of_the_config_shows_nowhere() {
    search([USER, PASSWORD, "-"], |mirror, hosts| {
        let give = |mirror: Mirror, host: &str| {
            mirror.host(host, &format!("username: {USER}, credential: {{value: {PASSWORD}}}"))
        };
        give(give(mirror, hosts[0]), hosts[1])
    })
    .await;
}

#[tokio::test]
async fn a_file_of_the_config_shows_nowhere() {
    search([USER, PASSWORD, "-"], |mirror, hosts| {
        mirror.binary.write("secret", PASSWORD);
        let give = |mirror: Mirror, host: &str| {
            mirror.host(host, &format!("username: {USER}, credential: {{fromPath: secret}}"))
        };
        give(give(mirror, hosts[0]), hosts[1])
    })
    .await;
}

#[tokio::test]
async fn a_docker_login_shows_nowhere() {
    search([USER, PASSWORD, "-"], |mirror, hosts| {
        let login = json!({"username": USER, "password": PASSWORD});
        mirror.binary.write_docker_config(&json!({"auths": {hosts[0]: login, hosts[1]: login}}));
        mirror
    })
    .await;
}

#[tokio::test]
async fn an_identity_token_shows_nowhere() {
    search(["-", "-", REFRESH], |mirror, hosts| {
        let login = json!({"identitytoken": REFRESH});
        mirror.binary.write_docker_config(&json!({"auths": {hosts[0]: login, hosts[1]: login}}));
        mirror
    })
    .await;
}

#[tokio::test]
async fn what_a_helper_says_shows_nowhere() {
    search([USER, PASSWORD, "-"], |mirror, hosts| {
        let script =
            format!("#!/bin/sh\necho '{{\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n");
        mirror.binary.write_program("docker-credential-canary", &script);
        let helpers = json!({"credHelpers": {hosts[0]: "canary", hosts[1]: "canary"}});
        mirror.binary.write_docker_config(&helpers);
        mirror
    })
    .await;
}

#[tokio::test]
async fn a_bearer_credential_shows_nowhere_even_where_it_is_refused() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    source.script(Rule::on(Kind::ManifestHead), Fault::error(401, "UNAUTHORIZED"));
    let (from, to) = (source.host(), destination.host());
    for more in ["credential: {value: CaNaRy-value}", "credential: {fromPath: secret}"] {
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .host(&from, more)
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        mirror.binary.write("secret", "CaNaRy-file");
        for output in OUTPUTS {
            let done = mirror.sync(output).run().await;
            done.assert_code(1);
            assert_silent(&done);
        }
    }
    let shown = source
        .log()
        .only(|entry| entry.authorization.as_ref().is_some_and(|shown| shown.contains(CANARY)));
    assert_eq!(shown.count(), source.log().count(), "it was in use");
}

#[tokio::test]
async fn secrets_that_cannot_be_used_show_nowhere() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    source.set(|options| options.auth = Auth::Token(TokenAuth::default()));
    let broken = [
        json!({"auths": {&from: {"auth": "CaNaRy not base64"}}}).to_string(),
        json!({"auths": {&from: {"username": "CaNaRy"}}}).to_string(),
        format!("{{\"auths\": {{\"{from}\": {{\"auth\": \"CaNaRy\" CaNaRy"),
        json!({"credHelpers": {&from: "canary"}}).to_string(),
    ];
    for config in broken {
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        mirror.binary.write("home/.docker/config.json", &config);
        let script = "#!/bin/sh\necho '{\"Username\": \"x\", \"Secret\": CaNaRy'\nexit 0\n";
        mirror.binary.write_program("docker-credential-canary", script);
        for output in OUTPUTS {
            let done = mirror.sync(output).arg("--retries=0").run().await;
            done.assert_code(1);
            assert_silent(&done);
        }
    }
}

#[tokio::test]
async fn what_no_header_can_carry_is_refused_and_not_sent() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    let unfit = "holds a line break, or what else no header can carry";
    for (credential, reason) in [
        ("{value: \"CaNaRy\\nX-Evil: 1\"}", format!("hosts[0].credential.value: {unfit}")),
        ("{fromPath: token}", format!("no credential for {from}: the config's file token {unfit}")),
    ] {
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .host(&from, &format!("credential: {credential}"))
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        mirror.binary.write("token", "CaNaRy\nX-Evil: 1\n");
        let done = mirror.sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert_silent(&done);
        assert!(format!("{done}").contains(&reason), "{done}");
    }
    source.log().assert(&[]);
}

#[tokio::test]
async fn an_answer_of_a_token_server_that_is_no_token_shows_nowhere() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    source.set(|options| options.auth = Auth::Token(TokenAuth::default()));
    for body in [
        "{\"token\": \"CaNaRy\", ",
        "{\"tokens\": \"CaNaRy\"}",
        "CaNaRy",
        "{\"token\": {\"value\": \"CaNaRy\"}}",
        "{\"token\": \"CaNaRy\\u0000\\n\", \"expires_in\": 60}",
    ] {
        source.clear_script();
        let answer = Answer::status(200).with("Content-Type", "application/json").body(body);
        source.script(Rule::on(Kind::Token), Fault::answer(answer));
        let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
            .artifact(&format!("{from}/app"), &format!("{to}/app"));
        for output in OUTPUTS {
            let done = mirror.sync(output).arg("--retries=0").run().await;
            done.assert_code(1);
            assert_silent(&done);
        }
    }
}

#[tokio::test]
async fn the_users_of_urls_show_nowhere() {
    let destination = ScriptedRegistry::plain();
    let proxy = ForwardProxy::start(&[]);
    let url = proxy.url().replace("http://", "http://CaNaRy-user:CaNaRy-password@");
    let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .env("HTTPS_PROXY", &url)
        .env("HTTP_PROXY", &url)
        .artifact("source.test/app", &format!("{}/app", destination.host()));
    for output in OUTPUTS {
        let done = mirror.sync(output).arg("--retries=0").run().await;
        done.assert_code(1);
        assert_silent(&done);
    }

    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let (from, to) = (source.host(), destination.host());
    let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"));
    let wheres = [
        "http://CaNaRy-user:CaNaRy-word@169.254.169.254/x?CaNaRy-query",
        "ftp://CaNaRy-user:CaNaRy-word@example.com/CaNaRy-path?CaNaRy-query",
        "https://127.0.0.1:1/CaNaRy-path?CaNaRy-query#CaNaRy-fragment",
        "http://CaNaRy.invalid:0x/",
    ];
    for target in wheres {
        for kind in [Kind::BlobGet, Kind::Tags] {
            source.clear_script();
            source.script(Rule::on(kind), Fault::redirect(307, target));
            for output in OUTPUTS {
                let done = mirror.sync(output).arg("--retries=0").run().await;
                done.assert_code(1);
                assert_silent(&done);
            }
        }
    }
}

#[tokio::test]
async fn a_crash_leaves_no_core_dump() {
    let registry = registry();
    let gate = Gate::closed();
    registry.script(Rule::on(Kind::Tags), Fault::none().hold(&gate));
    let program = env!("CARGO_BIN_EXE_flux-mirror");
    let shell = Binary::new("/bin/sh");
    let host = registry.host();
    shell.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {{source: \
             {host}/app, destination: {host}/copy}}\n"
        ),
    );
    // As far as the system allows any; where it allows none, nothing can be seen here.
    let run = "ulimit -c unlimited 2>/dev/null; exec \"$0\" sync mirror.yaml";
    let running = shell.call(["-c", run, program]).spawn();
    gate.reached(1).await;
    running.abort();
    let done = running.wait().await;
    assert_eq!(done.signal(), Some(6), "{done}");
    assert!(!done.status.core_dumped(), "{done}");
}
