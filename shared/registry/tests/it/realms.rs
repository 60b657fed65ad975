//! A registry that has its tokens elsewhere by now: whoever has known it for long finds out.

use mirror_tests::sample::image;
use mirror_tests::scripted::{Auth, Kind, Realm, ScriptedOptions, ScriptedRegistry, TokenAuth};

use super::{registries, repository};

#[tokio::test]
async fn who_remembers_a_realm_that_is_gone_asks_the_registry_anew() {
    let tokens = |realm| {
        let anonymous_push = Some(String::new());
        Auth::Token(TokenAuth { realm, anonymous_push, ..TokenAuth::default() })
    };
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
