//! KEDA asks for what there is: our account, the stream and the consumer of the workers that it
//! scales, at the address of NATS, and a worker for as many jobs as a worker copies at once.

use serde_json::{Value, json};

use super::objects::{Rendered, items, overlay, title};
use super::{assert_kept, check, text};

fn rule(rendered: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    for scaled in rendered.of("ScaledObject") {
        let mut fault = |what: &str| faults.push(format!("{}: {what}", title(scaled)));
        let target = &scaled["spec"]["scaleTargetRef"];
        let all = rendered.pods();
        let pods = all.iter().find(|it| {
            it.owner["kind"] == target["kind"] && it.owner["metadata"]["name"] == target["name"]
        });
        let Some(pods) = pods else {
            fault("scales nothing");
            continue;
        };
        if !pods.owner["spec"]["replicas"].is_null() {
            fault("the workload has replicas of its own too");
        }
        let [trigger] = items(&scaled["spec"]["triggers"]) else {
            fault("has not one trigger");
            continue;
        };
        let is = |key: &str, value: &str| trigger["metadata"][key] == value;
        let region = pods.flag("--region").unwrap_or_default();
        let space = scaled["metadata"]["namespace"].as_str().unwrap_or_default();
        let endpoint = format!("nats-headless.{space}.svc.cluster.local:8222");
        if !is("natsServerMonitoringEndpoint", &endpoint) {
            fault("asks elsewhere than NATS's monitoring port");
        }
        if !is("account", "FM") {
            fault("asks for another account");
        }
        if !is("stream", &format!("FM_JOBS_{region}")) || !is("consumer", "copy") {
            fault("asks for another queue than its region's");
        }
        if !is("lagThreshold", &pods.flag("--concurrency").unwrap_or_default()) {
            fault("a worker is not for as many jobs as it copies at once");
        }
    }
    faults
}

#[tokio::test]
async fn keda_asks_for_what_there_is() {
    assert_kept(rule).await;
    assert!(text("kubernetes/nats/accounts.conf").contains("\n  FM: {\n"), "the account FM");
    let keda = overlay("overlays/keda").await;
    let scaled = "ScaledObject/flux-mirror-worker";
    assert!(keda.has("ScaledObject", "flux-mirror-worker"));
    let trigger = "/spec/triggers/0/metadata";
    let check = |object, pointer: &str, value: Value, fault| {
        check(rule, keda, (object, pointer, value), fault);
    };
    check(scaled, "/spec/scaleTargetRef/name", json!("worker"), "scales nothing");
    check(scaled, "/spec/triggers", json!([]), "has not one trigger");
    let endpoint = format!("{trigger}/natsServerMonitoringEndpoint");
    check(scaled, &endpoint, json!("nats.flux-mirror.svc:4222"), "asks elsewhere");
    check(scaled, &format!("{trigger}/account"), json!("$G"), "another account");
    check(scaled, &format!("{trigger}/stream"), json!("FM_JOBS_eu"), "another queue");
    check(scaled, &format!("{trigger}/consumer"), json!("copies"), "another queue");
    check(scaled, &format!("{trigger}/lagThreshold"), json!("10"), "as it copies at once");
    let worker = "Deployment/flux-mirror-worker";
    check(worker, "/spec/replicas", json!(2), "replicas of its own too");
}
