//! HTTP proxies of the environment.

use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Kind, ScriptedOptions, ScriptedRegistry};

use super::mirror;

/// Starts a registry with an image in it.
fn registry(tls: Option<Pki>) -> ScriptedRegistry {
    let registry = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
    registry.store().push("app", "v1", &image("app"));
    registry
}

#[tokio::test]
async fn https_goes_through_a_tunnel_of_the_proxy() {
    let (source, destination) = (registry(Some(Pki::new())), ScriptedRegistry::plain());
    let proxy = ForwardProxy::start(&[("source.test:443", &source.host())]);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        destination.store().untag("app", "v1");
        let mirror = mirror()
            .env(variable, proxy.url())
            .artifact("source.test/app", &format!("{}/app", destination.host()));
        mirror.sync(&["--insecure"]).run().await.assert_code(0);
        destination.store().assert_holds("app", "v1", &image("app"));
    }
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked == "CONNECT source.test:443"));
}

#[tokio::test]
async fn plain_http_goes_through_the_proxy_as_it_is() {
    let (source, destination) = (registry(None), registry(None));
    destination.store().untag("app", "v1");
    let places = [("source.test:5000", &*source.host()), ("dest.test:80", &*destination.host())];
    let proxy = ForwardProxy::start(&places);
    let mirror = mirror()
        .env("HTTP_PROXY", proxy.url())
        .env("HTTPS_PROXY", proxy.url())
        .artifact("source.test:5000/app", "dest.test:80/app");
    mirror.sync(&["--insecure"]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
    let asked = proxy.asked();
    assert!(asked.iter().any(|asked| asked.starts_with("GET http://source.test:5000/v2/app/")));
}

#[tokio::test]
async fn no_proxy_is_heeded_and_loopback_never_goes_through_one() {
    let (source, destination) = (registry(None), ScriptedRegistry::plain());
    let proxy = ForwardProxy::start(&[]);
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror()
        .env("HTTP_PROXY", proxy.url())
        .env("HTTPS_PROXY", proxy.url())
        .env("NO_PROXY", "left.invalid")
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
        .artifact("left.invalid/app", &format!("{to}/left"))
        .artifact("taken.invalid/app", &format!("{to}/taken"));
    let done = mirror.sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    destination.store().assert_holds("app", "v1", &image("app"));
    assert!(done.stdout.contains("cannot resolve left.invalid"), "{done}");
    assert_eq!(proxy.asked(), ["CONNECT taken.invalid:443"]);
}

#[tokio::test]
async fn a_proxy_that_has_a_name_takes_redirects_too() {
    let (source, destination) = (registry(None), ScriptedRegistry::plain());
    source.set(|options| options.redirect_blobs = true);
    let redirect = mirror_tests::scripted::Fault::none().edit(|_, answer| {
        if let Some((_, path)) = answer.header("location").and_then(|it| it.split_once("/cdn/")) {
            let location = format!("http://cdn.test/cdn/{path}");
            answer.set("Location", location);
        }
    });
    source.script(mirror_tests::scripted::Rule::on(Kind::BlobGet), redirect);
    let places = [("source.test:80", &*source.host()), ("cdn.test:80", &*source.other_host())];
    let proxy = ForwardProxy::start(&places);
    // A name, as company proxies have one: what the registry may not send us to, the user may.
    let url = format!("http://localhost:{}", proxy.port());
    let mirror = mirror()
        .env("HTTP_PROXY", &url)
        .env("HTTPS_PROXY", &url)
        .artifact("source.test:80/app", &format!("{}/app", destination.host()));
    mirror.sync(&["--insecure"]).run().await.assert_code(0);
    assert_eq!(source.log().kind(Kind::Cdn).count(), 3, "{}", source.log());
    destination.store().assert_holds("app", "v1", &image("app"));
}
