//! By whose keys signatures are judged: a file's, or those of the public-good instance.

use mirror_tests::black_hole::nobody;
use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::pki::Pki;
use mirror_tests::scripted::{ScriptedOptions, ScriptedRegistry};

use super::world::{
    TRUSTED_ROOT, Who, assert_confirmed, assert_unverified, mirrors, push_signed, recorded,
    referrer, signed_image,
};
use crate::referrers::world::{attach, pair};
use crate::requests::pair::{Pair, assert_rows};

/// A pair whose source has two tags of the signed image; no run of it trusts anybody yet.
fn signed() -> Pair {
    let pair = pair((true, true));
    for tag in ["1.1.0", "1.0.0"] {
        push_signed(&pair.source, tag, &["email"]);
    }
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    pair
}

#[tokio::test]
async fn the_flag_names_the_root_and_goes_before_the_variable() {
    let (pair, email) = (signed(), Who::recorded("email"));
    let root = recorded("trusted_root.json");
    let by_flag = pair.sync(["--trusted-root"]).arg(&root).env(TRUSTED_ROOT, "nowhere.json");
    let by_variable = pair.sync([]).env(TRUSTED_ROOT, &root);
    for call in [by_flag, by_variable] {
        let done = call.run().await;
        done.assert_code(0);
        assert_confirmed(&done, "1.0.0", &email.issuer, &email.subject);
    }
}

#[tokio::test]
async fn what_another_instance_has_signed_is_refused_with_the_reason() {
    let pair = signed();
    let call = pair.sync(["--trusted-root"]).arg(recorded("no-sct.trusted_root.json"));
    let done = call.run().await;
    let source = format!("{}/app", pair.source.host());
    assert_unverified(
        &done,
        &source,
        "1.1.0",
        &["no signature of `alice@example.test`", "timestamp: ", "--trusted-root names its root"],
    );
    assert_rows(&done, 0, &[("1.1.0", "failed")]);
    assert_eq!(pair.destination.store().tags("app"), [] as [&str; 0]);
}

#[tokio::test]
async fn a_root_that_cannot_be_read_is_named() {
    let pair = signed();
    let source = format!("{}/app", pair.source.host());
    let no_root = pair.mirror.write("no-root.json", "{\"mediaType\": 1}");
    let missing = pair.mirror.folder().join("missing.json");
    for (root, reason) in [
        (&missing, format!("cannot read the trusted root {}: ", missing.display())),
        (&no_root, format!("{}: cannot understand the trusted root: ", no_root.display())),
    ] {
        let done = pair.sync(["--trusted-root"]).arg(root).run().await;
        assert_unverified(&done, &source, "1.1.0", &[&reason]);
    }
}

#[tokio::test]
async fn a_root_is_read_only_where_signatures_are_judged() {
    let pair = signed();
    pair.mirrors(&["app"]);
    let done = pair.sync(["--trusted-root", "missing.json"]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.1.0", "copied"), ("1.0.0", "copied")]);
}

#[tokio::test]
async fn without_a_network_the_embedded_root_is_used_and_the_user_is_told_once() {
    let pair = signed();
    pair.source.store().push("again", "1.0.0", &signed_image());
    attach(&pair.source, "again", &signed_image(), &[&referrer("email")]);
    let email = Who::recorded("email").wanted("");
    pair.entries(&[("app", "app", &email), ("again", "again", &email)]);
    let call = pair.sync([]).env("HTTPS_PROXY", format!("http://{}", nobody()));
    let done = call.run().await;
    let source = format!("{}/app", pair.source.host());
    assert_unverified(&done, &source, "1.1.0", &["no signature of `alice@example.test`"]);
    let told: Vec<&str> = done.stderr.lines().collect();
    assert_rows(&done, 1, &[("1.0.0", "failed")]);
    let [told] = told[..] else { panic!("{done}") };
    assert!(told.starts_with("! "), "{told}");
    assert!(told.contains("cannot reach https://tuf-repo-cdn.sigstore.dev"), "{told}");
    assert!(told.ends_with("is used, and may be out of date"), "{told}");
}

#[tokio::test]
async fn a_proxy_that_refuses_and_a_certificate_of_somebody_else_are_answers() {
    let pair = signed();
    let tls = Some(Pki::new());
    let other = ScriptedRegistry::start(ScriptedOptions { tls, ..ScriptedOptions::default() });
    let there = [("tuf-repo-cdn.sigstore.dev:443", other.host())];
    let there = there.each_ref().map(|(name, host)| (*name, host.as_str()));
    for (places, reason) in [(&[][..], "tunnel error: unsuccessful"), (&there, "certificate")] {
        let proxy = ForwardProxy::start(places);
        let done = pair.sync([]).env("HTTPS_PROXY", proxy.url()).run().await;
        let source = format!("{}/app", pair.source.host());
        let update = "cannot update the trusted root from https://tuf-repo-cdn.sigstore.dev: ";
        assert_unverified(&done, &source, "1.1.0", &[update, reason]);
        assert_eq!(done.stderr, "");
    }
}

#[tokio::test]
async fn a_fleet_judges_by_the_root_of_its_coordinator_and_is_told_no_other() {
    let pair = signed();
    let root = recorded("trusted_root.json");
    let nobody = format!("http://{}", nobody());
    let call = || pair.sync(["--coordinator", &nobody]);
    for call in [call().arg("--trusted-root").arg(&root), call().env(TRUSTED_ROOT, &root)] {
        let done = call.run().await;
        assert_eq!(done.assert_code(1).stdout, "");
        let expected = "✗ --trusted-root (FLUX_MIRROR_TRUSTED_ROOT) cannot be given with \
                        --coordinator: signatures are judged by the coordinator, whose own \
                        --trusted-root counts\n";
        assert_eq!(done.stderr, expected);
    }
}
