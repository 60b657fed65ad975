//! A registry that has its tokens elsewhere by now: whoever has known it for long finds out.

use mirror_tests::ports;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::image;
use mirror_tests::scripted::{Auth, Kind, Realm, ScriptedOptions, ScriptedRegistry, TokenAuth};

use super::{registries, repository};

/// Tokens of a realm, for everybody.
fn tokens(realm: Realm) -> Auth {
    let anonymous_push = Some(String::new());
    Auth::Token(TokenAuth { realm, anonymous_push, ..TokenAuth::default() })
}

#[tokio::test]
async fn who_remembers_a_realm_that_is_gone_asks_the_registry_anew() {
    let auth = tokens(Realm::Own);
    let registry = ScriptedRegistry::start(ScriptedOptions { auth, ..Default::default() });
    for name in ["a", "b", "c"] {
        registry.store().push(name, "v1", &image(name));
    }
    let registries = registries();
    let tags = async |name: &str| repository(&registries, &registry, name).tags().await;
    tags("a").await.expect("a token is had of it");
    assert_eq!(registry.log().kind(Kind::Token).count(), 1);

    // No tokens any more, and nobody who gives them.
    registry.set(|options| options.auth = Auth::None);
    tags("b").await.expect("none is needed");
    registry.set(|options| options.auth = tokens(Realm::Other));
    tags("c").await.expect("it is had elsewhere");
}

#[tokio::test]
async fn who_remembers_a_realm_of_no_use_asks_the_registry_anew() {
    let dead = format!("http://{}/token", ports::free());
    // One that must not be asked is not asked a second time; one that is silent may only be late.
    for (useless, failures) in [("https://169.254.169.254/token", 1), (&*dead, 2)] {
        let auth = tokens(Realm::Url(useless.to_owned()));
        let registry = ScriptedRegistry::start(ScriptedOptions { auth, ..Default::default() });
        registry.store().push("a", "v1", &image("a"));
        let registries = registries();
        let tags = async || repository(&registries, &registry, "a").tags().await;
        tags().await.expect_err("nobody gives a token");
        registry.set(|options| options.auth = tokens(Realm::Own));
        for _ in 1..failures {
            tags().await.expect_err("nobody gives a token yet");
        }
        tags().await.expect("it is had elsewhere");
    }
}

#[tokio::test]
async fn a_token_at_hand_is_shown_though_nobody_gives_another() {
    let registry = ScriptedRegistry::plain();
    let proxy = Proxy::start(&registry.host(), ProxyOptions::default());
    let realm = Realm::Url(format!("http://{}/token", proxy.host()));
    registry.set(|options| options.auth = tokens(realm));
    for name in ["a", "b"] {
        registry.store().push(name, "v1", &image(name));
    }
    let registries = registries();
    let tags = async |name: &str| repository(&registries, &registry, name).tags().await;
    tags("a").await.expect("a token is had");
    drop(proxy);
    tags("b").await.expect_err("nobody gives a token");
    let before = registry.log().count();
    tags("a").await.expect("its token is at hand");
    assert_eq!(registry.log().count(), before + 1, "{}", registry.log());
}
