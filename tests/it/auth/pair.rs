//! A registry with an image, and a mirror from it into another: what the tests of most kinds begin with.

use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Log, ScriptedRegistry};

use super::mirror;

/// A registry with an image, and a mirror from it into another, whose host has some fields.
pub(super) struct Pair {
    pub(super) source: ScriptedRegistry,
    pub(super) destination: ScriptedRegistry,
    pub(super) mirror: Mirror,
}

impl Pair {
    pub(super) fn new(fields: &str) -> Self {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        source.store().push("app", "v1", &image("app"));
        let mirror = mirror()
            .host(&destination.host(), fields)
            .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
        Self { source, destination, mirror }
    }

    pub(super) fn with(self, change: impl FnOnce(Mirror) -> Mirror) -> Self {
        Self { mirror: change(self.mirror), ..self }
    }

    /// Asserts that all went well, and returns the bearer tokens that were shown, in order.
    #[track_caller]
    pub(super) fn shown(&self) -> Vec<String> {
        self.destination.store().assert_holds("app", "v1", &image("app"));
        assert_anonymous(&self.source.log());
        let log = self.destination.log();
        let bearer = |header: &String| header.strip_prefix("Bearer ").map(str::to_owned);
        let shown = log.entries().iter().map(|entry| {
            let header = entry.authorization.as_ref().and_then(bearer);
            header.unwrap_or_else(|| panic!("no token: {log}"))
        });
        shown.collect()
    }
}

#[track_caller]
pub(super) fn assert_anonymous(log: &Log) {
    assert!(log.entries().iter().all(|entry| entry.authorization.is_none()), "{log}");
}

/// Lets names of the world stand for servers, whose certificates are of `pki`.
pub(super) fn behind_names(
    mirror: Mirror,
    pki: &Pki,
    places: &[(&str, &ScriptedRegistry)],
) -> Mirror {
    let proxy = named(places);
    mirror.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", pki.ca())
}

/// Starts a proxy that knows servers by names of the world.
pub(super) fn named(places: &[(&str, &ScriptedRegistry)]) -> ForwardProxy {
    let places: Vec<(String, String)> =
        places.iter().map(|(name, server)| (format!("{name}:443"), server.host())).collect();
    let places: Vec<(&str, &str)> =
        places.iter().map(|(name, place)| (&**name, &**place)).collect();
    ForwardProxy::start(&places)
}
