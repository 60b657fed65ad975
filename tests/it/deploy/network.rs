//! Who may reach whom: each way that is needed is open, and nothing else is.

use serde_json::{Value, json};

use super::objects::{Rendered, items, overlay, strings, title};
use super::selectors::selected;
use super::{assert_kept, check, yaml};

/// Where NATS's monitoring port may be asked from: it asks nobody who they are.
const WATCHERS: [&str; 2] = ["keda", "monitoring"];
/// Ports that pods of ours reach outside: registries, names, and GKE's metadata server.
const OUTSIDE: [u64; 4] = [443, 53, 80, 988];

/// A rule of a policy: one direction of one port.
struct Way<'a> {
    policy: &'a Value,
    is_ingress: bool,
    peers: &'a [Value],
    ports: Vec<u64>,
}

fn ways(rendered: &Rendered) -> Vec<Way<'_>> {
    let policies = rendered.of("NetworkPolicy");
    let both = policies.flat_map(|policy| [(policy, "ingress", "from"), (policy, "egress", "to")]);
    let ways = both.flat_map(|(policy, direction, peers)| {
        items(&policy["spec"][direction]).iter().map(move |it| Way {
            policy,
            is_ingress: direction == "ingress",
            peers: items(&it[peers]),
            ports: items(&it["ports"]).iter().filter_map(|it| it["port"].as_u64()).collect(),
        })
    });
    ways.collect()
}

/// Returns whom a policy is about: `coordinator`, `worker`, `sync`, `nats`, or all of ours.
fn whom(policy: &Value) -> String {
    let labels = strings(&policy["spec"]["podSelector"]["matchLabels"]);
    let component = labels.get("app.kubernetes.io/component");
    let name = labels.get("app.kubernetes.io/name");
    component.or(name).cloned().unwrap_or_default()
}

/// Returns who a peer is: a component, a namespace, a label's value, or an address.
fn who(peer: &Value) -> String {
    let pods = strings(&peer["podSelector"]["matchLabels"]);
    let component = pods.get("app.kubernetes.io/component").or(pods.values().next());
    let space = strings(&peer["namespaceSelector"]["matchLabels"]);
    let address = peer["ipBlock"]["cidr"].as_str().map(str::to_owned);
    component.or(space.values().next()).cloned().or(address).unwrap_or_default()
}

/// Who may come in: whom, the port, and who.
const COMING: [(&str, u64, &[&str]); 6] = [
    ("coordinator", 7443, &["true", "worker"]),
    ("coordinator", 9090, &["monitoring"]),
    ("worker", 9090, &["monitoring"]),
    ("nats", 4222, &["coordinator", "worker"]),
    ("nats", 6222, &["nats"]),
    ("nats", 8222, &WATCHERS),
];
/// Who goes where, beside names and registries.
const GOING: [(&str, u64, &[&str]); 4] = [
    ("coordinator", 4222, &["nats"]),
    ("worker", 4222, &["nats"]),
    ("worker", 7443, &["coordinator"]),
    ("nats", 6222, &["nats"]),
];

fn rule(rendered: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    let is_fleet = rendered.of("StatefulSet").next().is_some();
    for (table, is_ingress) in [(&COMING[..], true), (&GOING[..], false)] {
        for (subject, port, peers) in table.iter().filter(|_| is_fleet) {
            let mut found: Vec<String> = ways(rendered)
                .iter()
                .filter(|it| it.is_ingress == is_ingress && whom(it.policy) == *subject)
                .filter(|it| it.ports == [*port])
                .flat_map(|it| it.peers.iter().map(who).collect::<Vec<_>>())
                .collect();
            found.sort();
            if found != *peers {
                faults.push(format!("{subject} {port}: open for {found:?}, not for {peers:?}"));
            }
        }
    }
    for way in ways(rendered) {
        let subject = whom(way.policy);
        let table = if way.is_ingress { &COMING[..] } else { &GOING[..] };
        let is_known = |port: &u64| {
            table.iter().any(|it| it.0 == subject && it.1 == *port)
                || !way.is_ingress && OUTSIDE.contains(port)
        };
        if way.ports.is_empty() || way.peers.is_empty() || !way.ports.iter().all(is_known) {
            faults.push(format!("{}: opens {:?} of {subject}", title(way.policy), way.ports));
        }
        for block in way.peers.iter().map(|it| &it["ipBlock"]).filter(|it| !it.is_null()) {
            let is_all = block["cidr"] == "0.0.0.0/0" || block["cidr"] == "::/0";
            if is_all && items(&block["except"]).is_empty() {
                faults.push(format!("{}: reaches a node's metadata service", title(way.policy)));
            }
        }
    }
    for pods in rendered.pods() {
        let denied = |direction: &str| {
            rendered.of("NetworkPolicy").any(|policy| {
                let labels = strings(&policy["spec"]["podSelector"]["matchLabels"]);
                let is_of = selected(rendered, &labels).iter().any(|it| it.owner == pods.owner);
                is_of && items(&policy["spec"]["policyTypes"]).contains(&json!(direction))
            })
        };
        if !denied("Ingress") || !denied("Egress") {
            faults.push(format!("{}: no policy denies what is not allowed", pods.title()));
        }
    }
    faults
}

#[tokio::test]
async fn only_the_ways_that_are_needed_are_open() {
    assert_kept(rule).await;
    let base = overlay("base").await;
    let nats = "NetworkPolicy/nats";
    let monitoring = "/spec/ingress/2/from";
    check(
        rule,
        base,
        (nats, monitoring, json!([{"namespaceSelector": {}}])),
        "nats 8222: open for",
    );
    check(rule, base, (nats, &format!("{monitoring}/0"), Value::Null), "nats 8222: open for");
    check(rule, base, (nats, "/spec/ingress/2", Value::Null), "nats 8222: open for []");
    check(rule, base, (nats, "/spec/ingress/0/ports/0/port", json!(4223)), "opens [4223] of nats");
    let policy = "NetworkPolicy/flux-mirror-coordinator";
    check(rule, base, (policy, "/spec/ingress/0", Value::Null), "coordinator 7443: open for []");
    check(rule, base, (policy, "/spec/ingress/1/from", json!([])), "opens [9090] of coordinator");
    check(rule, base, (policy, "/spec/egress/0/ports", json!([])), "opens [] of coordinator");
    let except = "/spec/egress/1/to/0/ipBlock/except";
    check(rule, base, (policy, except, Value::Null), "reaches a node's metadata service");
    let cronjob = overlay("overlays/cronjob").await;
    let types = ("NetworkPolicy/flux-mirror-sync", "/spec/policyTypes", json!(["Egress"]));
    check(rule, cronjob, types, "no policy denies");
}

/// NATS's chart listens where the policies and the clients think that it does.
#[tokio::test]
async fn nats_listens_where_it_is_asked() {
    let values = yaml("kubernetes/nats/values.yaml");
    assert_eq!(values["config"]["nats"]["port"], 4222);
    assert_eq!(values["config"]["nats"]["tls"]["enabled"], true);
    assert_eq!(values["config"]["monitor"]["port"], 8222);
    let base = overlay("base").await;
    for pods in base.pods() {
        assert_eq!(pods.flag("--nats").as_deref(), Some("tls://nats.flux-mirror.svc:4222"));
    }
    let replicas = base.pods().iter().find_map(|it| it.flag("--replicas")).expect("a coordinator");
    assert_eq!(replicas, values["config"]["cluster"]["replicas"].to_string());
}
