//! Who runs a coordinator is told in its log of a trusted root that cannot be had, or may be out of date:
//! once a run.

use mirror_tests::black_hole::nobody;

use super::{Fleet, Mirrored};
use crate::sigstore::world::Who;

/// A fleet that is to judge two entries of two tags each, of which nothing is signed.
async fn judging(trusted_root: Option<&str>) -> Mirrored {
    let mut fleet = Fleet::new(1).await;
    // Nothing that a test mirrors is reached by it: it is for HTTPS alone.
    fleet.binary.set_env("HTTPS_PROXY", format!("http://{}", nobody()));
    let flag = trusted_root.map(|root| format!("--trusted-root={root}"));
    fleet.coordinator(0, &flag.iter().map(String::as_str).collect::<Vec<_>>());
    fleet.worker(0, &[]);
    let mirrored = Mirrored::by(fleet);
    for repository in ["one", "two"] {
        mirrored.push(repository, &["1.1.0", "1.0.0"]);
    }
    let verify = Who::recorded("email").wanted("");
    mirrored.config("mirror.yaml", &["one", "two"], &format!(", {verify}"));
    mirrored
}

#[tokio::test]
async fn a_coordinator_logs_that_its_trusted_root_cannot_be_had() {
    let mirrored = judging(Some("missing.json")).await;
    mirrored.fleet.sync("mirror.yaml").run().await.assert_code(1);
    let line =
        "the trusted root of this coordinator trouble=\"cannot read the trusted root missing.json";
    assert_eq!(mirrored.fleet.said("coordinator-0", line), 1);
}

#[tokio::test]
async fn a_coordinator_logs_that_the_root_it_was_built_with_is_used() {
    let mirrored = judging(None).await;
    let done = mirrored.fleet.sync("mirror.yaml").run().await;
    let told = "cannot reach https://tuf-repo-cdn.sigstore.dev for the trusted root of Sigstore";
    assert_eq!(done.assert_code(1).stderr.matches(told).count(), 1, "{done}");
    let line = format!("the trusted root of this coordinator trouble=\"{told}");
    assert_eq!(mirrored.fleet.said("coordinator-0", &line), 1);
}
