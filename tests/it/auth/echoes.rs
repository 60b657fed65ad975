//! Who refuses a login may repeat in his error what he was sent: nothing of that shows either (threat S17).

use std::fmt::Write as _;

use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::scripted::{Answer, Fault, Request, Rule, ScriptedOptions, ScriptedRegistry};
use serde_json::json;
use url::form_urlencoded;

use super::kinds::{Place, World};
use super::pair::{Pair, behind_names};
use super::ways::{WAYS, with_each};
use super::{azure, gcp};

/// What an error says before it repeats what was sent.
const NOTHING: &str = "you sent ";

/// What was sent, the secret parts first, as an error may repeat it.
fn sent(request: &Request) -> String {
    let mut said = NOTHING.to_owned();
    let named = ["authorization", "x-amz-security-token", "x-identity-header"];
    let secret = named.iter().filter_map(|name| request.header(name));
    for value in secret {
        write!(said, "{value} ").expect("a String takes all");
        // By its parts: a scheme and a token.
        for word in value.split(' ').skip(1) {
            write!(said, "({word}) ").expect("a String takes all");
        }
    }
    for (name, value) in form_urlencoded::parse(&request.body) {
        write!(said, "{name}={value} ").expect("a String takes all");
    }
    write!(said, "{}", String::from_utf8_lossy(&request.body)).expect("a String takes all");
    said
}

/// Refuses whoever sends a credential, and repeats it in all the ways in which errors are written.
fn echo() -> Fault {
    Fault::instead(|request, _| {
        let said = sent(request);
        if request.body.starts_with(b"Action=") {
            let said = said.replace('&', "&amp;");
            return Some(xml(401, "ErrorResponse", &format!("<Message>{said}</Message>")));
        }
        let body = json!({
            "__type": "x#Refused", "message": said,
            "error": "invalid_grant", "error_description": said,
            "errors": [{"code": "UNAUTHORIZED", "message": said}],
        });
        (said != NOTHING).then(|| Answer::json(401, &body))
    })
}

/// An answer as STS has them.
fn xml(status: u16, name: &str, content: &str) -> Answer {
    let body = format!("<{name}><Error><Code>Refused</Code>{content}</Error></{name}>");
    Answer::status(status).with("Content-Type", "text/xml").body(body)
}

#[tokio::test]
async fn a_refusal_that_repeats_what_it_was_sent_shows_nowhere() {
    for (way, by_registries) in with_each(&[false, true]) {
        let world = World::new().await;
        // Of ACR the registry is a giver of credentials too, to whoever Entra knows.
        let givers = world.doors.iter().filter(|_| !by_registries);
        let places = world.places.iter().filter(|_| by_registries).map(|place| &place.registry);
        for server in givers.chain(places) {
            server.script(Rule::any(), echo());
        }
        let running = way.begin(&world.mirror).await;
        let done = running.sync(&["--verbose"]).await;
        done.assert_code(1);
        // Not every giver is quoted.
        let quoted: &[_] = if by_registries { &[NOTHING, "***"] } else { &["answered 401"] };
        for place in &world.places {
            let is_it = |line: &str| {
                line.contains(place.host) && quoted.iter().all(|quoted| line.contains(quoted))
            };
            let is_refused = done.stderr.lines().any(is_it);
            assert_eq!(is_refused, by_registries || place.is_given(), "{}: {done}", place.host);
        }
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_warning_that_repeats_a_credential_is_shown_without() {
    for way in WAYS {
        let world = World::new().await;
        for place in &world.places {
            let warn = Fault::none().edit(|request, answer| {
                let shown = request.header("authorization").unwrap_or("nothing");
                answer.set("Warning", format!("299 - \"{NOTHING}{shown}\""));
            });
            place.registry.script(Rule::any(), warn);
        }
        let running = way.begin(&world.mirror).await;
        let done = running.sync(&["--verbose"]).await;
        done.assert_code(0);
        let said = format!("{}{}", running.logs(), done.stderr);
        for Place { host, .. } in &world.places {
            let is_it = |line: &str| line.contains(host) && line.contains("you sent ***");
            assert!(said.lines().any(is_it), "{host}: {said}");
        }
        running.assert_silent(&done).await;
    }
}

/// Asserts that of a source behind a name, which does what `fault` says, nothing shows.
async fn check(provider: &str, name: &str, fault: Fault, give: impl Fn(Mirror) -> Mirror) {
    for way in WAYS {
        let pki = Pki::of_names(&[name]);
        let tls = Some(pki.clone());
        let server = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
        server.script(Rule::any(), fault.clone());
        let pair = Pair::new(&format!("credential: {{provider: {provider}, aud: mirror}}"))
            .with(|mirror| give(behind_names(mirror, &pki, &[(name, &server)])));
        let running = way.begin(&pair.mirror).await;
        let done = running.sync(&["--verbose", "--retries=0"]).await;
        done.assert_code(1);
        assert!(done.stderr.contains("no credential for "), "{done}");
        assert!(server.log().count() > 0, "{done}");
        running.assert_silent(&done).await;
    }
}

#[tokio::test]
async fn a_source_of_awss_chain_that_repeats_what_it_was_sent_shows_nothing_of_it() {
    let key = "<SecretAccessKey>CaNaRy-key</SecretAccessKey>";
    // The second is a success that cannot be understood.
    for fault in [echo(), Fault::answer(xml(200, "AssumeRoleWithWebIdentityResponse", key))] {
        check("aws", "sts.us-east-1.amazonaws.com", fault, |mirror| {
            let token = mirror.binary.write("token", "CaNaRy-federated");
            mirror
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mirror")
                .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        })
        .await;
    }
}

#[tokio::test]
async fn a_source_of_azures_that_repeats_what_it_was_sent_shows_nothing_of_it() {
    check("azure", azure::ENTRA, echo(), |mirror| {
        let token = mirror.binary.write("token", "CaNaRy-federated");
        azure::as_client(mirror).env("AZURE_FEDERATED_TOKEN_FILE", token)
    })
    .await;
    check("azure", "identity.test", echo(), |mirror| {
        mirror
            .env("IDENTITY_ENDPOINT", "https://identity.test/msi/token")
            .env("IDENTITY_HEADER", "CaNaRy-right")
    })
    .await;
}

#[tokio::test]
async fn a_source_of_googles_that_repeats_what_it_was_sent_shows_nothing_of_it() {
    check("gcp", gcp::STS, echo(), |mirror| {
        let content = gcp::federation(&mirror, Some(gcp::ACCOUNT));
        gcp::with_file(mirror, &content)
    })
    .await;
    let user = gcp::impersonation();
    check("gcp", gcp::TOKEN_HOST, echo(), |mirror| gcp::with_file(mirror, &user)).await;
}
