//! Selectors select what they are meant for: a workload its own pods and no other's, a Service and
//! a budget pods that exist.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects::{Pods, Rendered, items, overlay, strings, title};
use super::{assert_kept, check};

type Labels = BTreeMap<String, String>;

/// Labels of pods that others make: NATS's chart, the cluster, and whoever is a client.
const OTHERS: [(&str, &str); 3] = [
    ("app.kubernetes.io/name", "nats"),
    ("k8s-app", "kube-dns"),
    ("mirror.plugin.fluxcd.io/client", "true"),
];

/// Returns the pods that a selector selects.
pub(super) fn selected<'a>(rendered: &'a Rendered, selector: &Labels) -> Vec<Pods<'a>> {
    let selects = |pods: &Pods<'_>| selector.iter().all(|(k, v)| pods.labels().get(k) == Some(v));
    rendered.pods().into_iter().filter(selects).collect()
}

fn rule(rendered: &Rendered) -> Vec<String> {
    let mut faults = workloads(rendered);
    for object in rendered.of("Service").chain(rendered.of("PodDisruptionBudget")) {
        let selector = &object["spec"]["selector"];
        let labels =
            strings(if object["kind"] == "Service" { selector } else { &selector["matchLabels"] });
        if labels.is_empty() || selected(rendered, &labels).len() != 1 {
            faults.push(format!("{}: does not select the pods of one workload", title(object)));
        }
    }
    for policy in rendered.of("NetworkPolicy") {
        let spec = &policy["spec"];
        let rules = items(&spec["ingress"]).iter().chain(items(&spec["egress"]));
        let peers = rules.flat_map(|it| items(&it["from"]).iter().chain(items(&it["to"])));
        for selector in peers.map(|it| &it["podSelector"]).chain([&spec["podSelector"]]) {
            let labels = strings(&selector["matchLabels"]);
            let is_others = OTHERS.iter().any(|(key, value)| {
                labels.len() == 1 && labels.get(*key).is_some_and(|it| it == value)
            });
            if !selector.is_null() && !is_others && selected(rendered, &labels).is_empty() {
                faults.push(format!("{}: selects no pods by {labels:?}", title(policy)));
            }
        }
    }
    faults
}

fn workloads(rendered: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    for pods in rendered.pods() {
        let spec = &pods.owner["spec"];
        let labels = strings(&spec["selector"]["matchLabels"]);
        let chosen = selected(rendered, &labels);
        if pods.owner["kind"] != "CronJob" && (chosen.len() != 1 || chosen[0].owner != pods.owner) {
            faults.push(format!("{}: does not select its own pods alone", pods.title()));
        }
        for spread in items(&pods.template["spec"]["topologySpreadConstraints"]) {
            if strings(&spread["labelSelector"]["matchLabels"]) != labels {
                faults.push(format!("{}: spreads other pods than its own", pods.title()));
            }
        }
        if let Some(service) = spec["serviceName"].as_str() {
            let is_it = |it: &&Value| it["metadata"]["name"] == service;
            let headless = rendered.of("Service").find(is_it);
            if headless.is_none_or(|it| it["spec"]["clusterIP"] != "None") {
                faults.push(format!("{}: {service} is no headless Service", pods.title()));
            }
        }
    }
    faults
}

#[tokio::test]
async fn selectors_select_what_is_there() {
    assert_kept(rule).await;
    let base = overlay("base").await;
    let worker = "Deployment/flux-mirror-worker";
    let coordinator = "StatefulSet/flux-mirror-coordinator";
    let label = "app.kubernetes.io~1component";
    let of_pods = format!("/spec/template/metadata/labels/{label}");
    check(rule, base, (worker, &of_pods, json!("coordinator")), "its own pods alone");
    let budget = "PodDisruptionBudget/flux-mirror-coordinator";
    let selector = format!("/spec/selector/matchLabels/{label}");
    check(rule, base, (budget, &selector, json!("coordinators")), "the pods of one workload");
    let service = "Service/flux-mirror-worker";
    let selector = format!("/spec/selector/{label}");
    check(rule, base, (service, &selector, json!("web")), "the pods of one workload");
    check(rule, base, (coordinator, "/spec/serviceName", json!("else")), "is no headless Service");
    let spread = "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels/app";
    check(rule, base, (coordinator, spread, json!("x")), "spreads other pods");
    let policy = "NetworkPolicy/flux-mirror-worker";
    // What kustomize does to policies where it labels selectors.
    let to = "/spec/egress/0/to/0/podSelector/matchLabels/mirror.plugin.fluxcd.io~1region";
    check(rule, base, (policy, to, json!("eu")), "selects no pods");

    let regions = overlay("overlays/regions").await;
    let eu = "Deployment/flux-mirror-worker-eu";
    let region = "/spec/selector/matchLabels/mirror.plugin.fluxcd.io~1region";
    check(rule, regions, (eu, region, Value::Null), "its own pods alone");
}
