//! Whatever is referred to is there: rendered, or in the table of what the operator makes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::made::{is_made, made};
use super::objects::{Pods, Rendered, items, overlay, rendered, strings, title};
use super::selectors::selected;
use super::{assert_kept, check, yaml};

fn rule(rendered: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    for service in rendered.of("Service") {
        for pods in selected(rendered, &strings(&service["spec"]["selector"])) {
            for port in items(&service["spec"]["ports"]) {
                let number = port["port"].as_u64().unwrap_or_default();
                let target = port["targetPort"].as_str().unwrap_or_default();
                if !pods.ports().contains(&(target, number)) {
                    faults.push(format!("{}: no pod has port {target} {number}", title(service)));
                }
            }
        }
    }
    for pods in rendered.pods() {
        let account = pods.template["spec"]["serviceAccountName"].as_str().unwrap_or_default();
        if !rendered.has("ServiceAccount", account) {
            faults.push(format!("{}: no ServiceAccount {account}", pods.title()));
        }
        probes(pods, &mut faults);
        volumes(rendered, pods, &mut faults);
    }
    faults
}

fn probes(pods: Pods<'_>, faults: &mut Vec<String>) {
    for container in pods.containers() {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let port = container[probe]["httpGet"]["port"].as_str();
            if port.is_some_and(|port| pods.ports().iter().all(|(name, _)| *name != port)) {
                faults.push(format!("{}: {probe} asks a port that is not there", pods.title()));
            }
        }
    }
}

fn volumes(rendered: &Rendered, pods: Pods<'_>, faults: &mut Vec<String>) {
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let volumes = items(&pods.template["spec"]["volumes"]);
    let declared: BTreeSet<_> = volumes.iter().map(name).collect();
    let mounts = pods.containers().iter().flat_map(|it| items(&it["volumeMounts"]));
    let mounted: BTreeSet<_> = mounts.map(name).collect();
    for odd in declared.symmetric_difference(&mounted) {
        faults.push(format!("{}: {odd} is not both a volume and mounted", pods.title()));
    }
    for source in volumes.iter().flat_map(sources) {
        let Source { kind, name, keys, is_optional } = source;
        let there = |key: &str| {
            let mut maps = rendered.of(kind).filter(|it| it["metadata"]["name"] == *name);
            maps.any(|it| !it["data"][key].is_null()) || is_made(kind, &name, Some(key))
        };
        if !rendered.has(kind, &name) && !is_made(kind, &name, None) && !is_optional {
            faults.push(format!("{}: no {kind} {name}", pods.title()));
        }
        if is_optional && !is_made(kind, &name, None) {
            faults.push(format!("{}: nobody is told of the {kind} {name}", pods.title()));
        }
        let absent = keys.iter().filter(|key| !there(key));
        faults.extend(absent.map(|key| format!("{}: {kind} {name} has no {key}", pods.title())));
    }
    paths(rendered, pods, faults);
}

/// A map or a secret that a volume shows.
struct Source {
    kind: &'static str,
    name: String,
    keys: Vec<String>,
    is_optional: bool,
}

fn sources(volume: &Value) -> Vec<Source> {
    let source = |kind, value: &Value| {
        let name = value["secretName"].as_str().or(value["name"].as_str())?;
        let keys = items(&value["items"]).iter().filter_map(|it| it["key"].as_str());
        let keys = keys.map(str::to_owned).collect();
        let is_optional = value["optional"] == true;
        Some(Source { kind, name: name.to_owned(), keys, is_optional })
    };
    let parts = items(&volume["projected"]["sources"]).iter().chain([volume]);
    parts
        .flat_map(|it| [source("Secret", &it["secret"]), source("ConfigMap", &it["configMap"])])
        .flatten()
        .collect()
}

/// Every file that an argument names is in a volume, by a key that is there.
fn paths(rendered: &Rendered, pods: Pods<'_>, faults: &mut Vec<String>) {
    let mounts: Vec<_> = items(&pods.containers()[0]["volumeMounts"]).iter().collect();
    for argument in pods.arguments() {
        let path = argument.split_once('=').map_or(argument.as_str(), |(_, value)| value);
        if !path.starts_with('/') {
            continue;
        }
        let found = mounts.iter().find_map(|mount| {
            let folder = mount["mountPath"].as_str()?;
            let key = path.strip_prefix(folder)?.strip_prefix('/')?;
            let volumes = items(&pods.template["spec"]["volumes"]);
            let volume = volumes.iter().find(|it| it["name"] == mount["name"])?;
            sources(volume).into_iter().find(|it| shows(rendered, it, key))
        });
        if found.is_none() {
            faults.push(format!("{}: {path} is in no volume", pods.title()));
        }
    }
}

fn shows(rendered: &Rendered, source: &Source, key: &str) -> bool {
    let Source { kind, name, keys, .. } = source;
    let mut maps = rendered.of(kind).filter(|it| it["metadata"]["name"] == **name);
    let has = maps.any(|it| !it["data"][key].is_null()) || is_made(kind, name, Some(key));
    has && (keys.is_empty() || keys.iter().any(|it| it == key))
}

#[tokio::test]
async fn what_is_referred_to_is_there() {
    assert_kept(rule).await;
    let base = overlay("base").await;
    let worker = "Deployment/flux-mirror-worker";
    let spec = "/spec/template/spec";
    let at = |path: &str| format!("{spec}/{path}");
    let check = |path: &str, value: Value, fault| {
        check(rule, base, (worker, &at(path), value), fault);
    };
    check("serviceAccountName", json!("worker"), "no ServiceAccount worker");
    check("containers/0/ports/0/containerPort", json!(9091), "no pod has port metrics 9090");
    check("containers/0/livenessProbe/httpGet/port", json!("health"), "livenessProbe asks a port");
    check("containers/0/volumeMounts/0/name", json!("ca"), "is not both a volume and mounted");
    check("volumes/1/secret/secretName", json!("nkey"), "no Secret nkey");
    check("volumes/0/secret/items/0/key", json!("ca.pem"), "has no ca.pem");
    check("containers/0/args/2", json!("--nats-ca=/etc/nats/ca.crt"), "is in no volume");
    check("containers/0/args/2", json!("--nats-ca=/etc/flux-mirror/nats-ca/tls.key"), "no volume");
}

/// The table has nothing that is not wanted either.
#[tokio::test]
async fn what_the_operator_makes_is_wanted() {
    let mut wanted = BTreeSet::new();
    for rendered in rendered().await {
        let pods = rendered.pods();
        let volumes = pods.iter().flat_map(|it| items(&it.template["spec"]["volumes"]));
        wanted.extend(volumes.flat_map(sources).map(|it| it.name));
        let issued = rendered.of("Certificate").filter_map(|it| it["spec"]["secretName"].as_str());
        for name in issued.filter(|name| *name != "flux-mirror-authority") {
            assert!(
                is_made("Secret", name, Some("ca.crt")),
                "cert-manager makes {name}, for nobody"
            );
        }
    }
    let nats = yaml("kubernetes/nats/values.yaml").to_string();
    for row in made() {
        let quoted = format!("\"{}\"", row.name);
        assert!(wanted.contains(&row.name) || nats.contains(&quoted), "nobody wants {row:?}");
    }
}
