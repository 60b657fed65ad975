//! What a registry may not do to any kind of credential: lead it to another host (threats S1, S2, S3).

use mirror_tests::scripted::{Fault, Kind, Listener, Rule, habits};

use super::kinds::{Place, World};
use super::ways::{WAYS, with_each};

/// What no stranger may ever see of a credential: the secrets themselves, and what tokens begin with.
const SECRETS: [&str; 5] = ["CaNaRy", "Q2FOYVJ5", "NhTmFSe", "eyJ", "scripted-token"];

/// Has a place redirect blobs to its other host, and send uploads there.
fn send_elsewhere(place: &Place) {
    let Place { registry, other, .. } = place;
    registry.set(|options| options.redirect_blobs = true);
    habits::uploads_elsewhere(registry);
    let (local, named) = (registry.other_url(), format!("https://{other}"));
    let rename = Fault::none().edit(move |_, answer| {
        if let Some(location) = answer.header("location") {
            let location = location.replace(&local, &named);
            answer.set("Location", location);
        }
    });
    registry.script(Rule::any(), rename);
}

/// Asserts that the other host was asked for some such requests, and shown no secret by any.
#[track_caller]
fn assert_shown_nothing(place: &Place, kinds: &[Kind]) {
    let log = place.elsewhere();
    log.assert_anonymous();
    for kind in kinds {
        assert!(log.kind(*kind).count() > 0, "{} {kind:?}\n{log}", place.host);
    }
    for entry in log.entries() {
        let body = String::from_utf8_lossy(&entry.body);
        let shown = format!("{} {:?} {body}", entry.target, entry.headers);
        let secret = SECRETS.iter().find(|secret| shown.contains(**secret));
        assert!(secret.is_none(), "{}: {shown}", place.host);
    }
}

#[tokio::test]
async fn no_kind_goes_along_with_a_redirect_or_an_upload_to_another_host() {
    for way in WAYS {
        let world = World::new().await;
        world.places.iter().for_each(send_elsewhere);
        way.sync(&world.mirror, &[]).await.assert_code(0);
        world.assert_all_done();
        for place in &world.places {
            assert_shown_nothing(place, &[Kind::Cdn, Kind::UploadPut]);
        }
        world.assert_only_known_asked();
    }
}

#[tokio::test]
async fn with_another_hosts_challenge_no_kind_is_argued() {
    let challenges =
        ["Basic realm=\"x\"", "Bearer realm=\"https://thief.test/token\",service=\"x\""];
    for (way, challenge) in with_each(&challenges) {
        let world = World::new().await;
        for place in &world.places {
            send_elsewhere(place);
            let refusal = Fault::status(401).header("WWW-Authenticate", challenge);
            place.registry.script(Rule::any().at_other_host(), refusal);
        }
        way.sync(&world.mirror, &["--retries=0"]).await.assert_code(1);
        for place in &world.places {
            assert_shown_nothing(place, &[Kind::Cdn]);
            assert!(place.registry.store().tags("up").is_empty(), "{}", place.host);
        }
        world.assert_only_known_asked();
    }
}

#[tokio::test]
async fn a_realm_on_another_host_is_shown_passwords_alone_and_named() {
    for way in WAYS {
        let world = World::new().await;
        for place in &world.places {
            let users = place.user.iter().cloned().collect();
            place.want_tokens(format!("https://{}/token", place.other), users);
        }
        let running = way.begin(&world.mirror).await;
        let done = running.sync(&["--verbose", "--retries=0"]).await;
        // A bearer token is all there is: who wants another one refuses it.
        done.assert_code(1);
        let said = format!("{}{}", running.logs(), done.stderr);
        for place in &world.places {
            let Place { host, other, registry, user, .. } = place;
            let log = place.elsewhere();
            let realm = format!("https://{other}");
            let hosts = [format!("host={host} "), format!("host=\"{host}\" ")];
            let named = said.lines().any(|line| {
                line.contains(&realm) && hosts.iter().any(|host| line.contains(&**host))
            });
            assert_eq!(named, user.is_some(), "{host}: {done}");
            assert_eq!(log.kind(Kind::Token).count(), log.count(), "{log}");
            assert_eq!(log.count() > 0, user.is_some(), "{host}\n{log}");
            assert_eq!(registry.store().tags("up").is_empty(), user.is_none(), "{host}");
            if user.is_some() {
                // What the realm gave is shown at the registry, and the password is not.
                let main = registry.log().only(|entry| {
                    entry.listener == Listener::Main && entry.authorization.is_some()
                });
                let is_token = |shown: &Option<String>| {
                    shown.as_ref().is_some_and(|shown| shown.starts_with("Bearer scripted-token-"))
                };
                assert!(
                    main.entries().iter().all(|entry| is_token(&entry.authorization)),
                    "{main}"
                );
            }
        }
        world.assert_only_known_asked();
    }
}

#[tokio::test]
async fn a_realm_without_encryption_or_at_a_metadata_service_is_never_dialled() {
    let realms = [
        ("http://thief.test/token", "the realm is not encrypted"),
        ("https://169.254.169.254/token", "the address is link-local"),
        ("https://[fd00:ec2::254]/token", "the address is link-local"),
        ("https://10.0.0.1/token", "more private than the registry's own"),
    ];
    for way in WAYS {
        let world = World::new().await;
        let running = way.begin(&world.mirror).await;
        for (realm, reason) in realms {
            for place in &world.places {
                place.want_tokens(realm.to_owned(), place.user.iter().cloned().collect());
            }
            let done = running.sync(&["--retries=0"]).await;
            done.assert_code(1);
            for place in world.places.iter().filter(|place| place.user.is_some()) {
                let is_it = |line: &str| line.contains(place.host) && line.contains(reason);
                assert!(done.stdout.lines().any(is_it), "{realm} {}: {done}", place.host);
            }
            assert!(world.places.iter().all(|place| place.registry.store().tags("up").is_empty()));
        }
        world.assert_only_known_asked();
    }
}
