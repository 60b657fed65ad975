//! The demo of one machine: its services call what there is, refer to what is there, and its two
//! configs do what the page says, here in process and between registries on other ports.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mirror_tests::binary::Binary;
use mirror_tests::client::Client;
use mirror_tests::servers::{Distribution, DistributionOptions};
use serde_json::{Value, json};

use super::commands::{flags, judge_call};
use super::objects::items;
use super::{deploy, text, yaml};

/// Returns what is wrong with the services.
fn judge(compose: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let services = compose["services"].as_object().expect("services");
    for (name, service) in services {
        let mut fault = |what: String| faults.push(format!("{name}: {what}"));
        if !service["image"].is_string() {
            fault("has no image".to_owned());
        }
        let depends = service["depends_on"].as_object().into_iter().flatten();
        for (other, how) in depends {
            let watched = !services.get(other).is_none_or(|it| it["healthcheck"].is_null());
            if !services.contains_key(other) {
                fault(format!("waits for {other}, which is not there"));
            } else if how["condition"] == "service_healthy" && !watched {
                fault(format!("waits for the health of {other}, which nobody checks"));
            }
        }
        let network = service["network_mode"].as_str().unwrap_or("service:nats");
        if name != "nats" && network != "service:nats" || !services.contains_key("nats") {
            fault("is not in the one network namespace".to_owned());
        }
        for volume in items(&service["volumes"]).iter().filter_map(Value::as_str) {
            let from = volume.split(':').next().unwrap_or_default();
            let is_there = match from.strip_prefix('.') {
                Some(_) => deploy("compose").join(from).exists(),
                None => !compose["volumes"][from].is_null(),
            };
            if !is_there {
                fault(format!("mounts {from}, which is not there"));
            }
        }
        for port in items(&service["ports"]).iter().filter_map(Value::as_str) {
            if !port.starts_with("127.0.0.1:") {
                fault(format!("is open to the network: {port}"));
            }
        }
    }
    faults
}

/// Returns the services that run our program, and how they call it.
fn ours(compose: &Value) -> BTreeMap<String, Vec<String>> {
    let services = compose["services"].as_object().into_iter().flatten();
    let ours = services.filter(|(_, it)| {
        it["image"].as_str().is_some_and(|it| it.starts_with("ghcr.io/fluxcd/flux-mirror:"))
    });
    let words = |it: &Value| {
        items(&it["command"]).iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    ours.map(|(name, service)| (name.clone(), words(service))).collect()
}

/// Everything is loopback: a coordinator that listens elsewhere would want to know who calls.
#[test]
fn the_coordinator_listens_on_loopback() {
    let ours = ours(&compose());
    assert!(ours["coordinator"].contains(&"--listen=127.0.0.1:7443".to_owned()), "{ours:?}");
    for service in ["cli", "worker-1", "worker-2"] {
        let address = "--coordinator=http://127.0.0.1:7443".to_owned();
        assert!(ours[service].contains(&address), "{service}: {ours:?}");
    }
}

fn compose() -> Value {
    yaml("compose/compose.yaml")
}

#[test]
fn services_refer_to_what_is_there() {
    let compose = compose();
    assert_eq!(judge(&compose), Vec::<String>::new());
    let names: Vec<_> = ours(&compose).into_keys().collect();
    assert_eq!(names, ["cli", "coordinator", "sample", "worker-1", "worker-2"]);
    let check = |pointer: &str, value: Value, fault: &str| {
        let mut changed = compose.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        let faults = judge(&changed);
        assert!(faults.iter().any(|it| it.contains(fault)), "{fault:?} is not in {faults:?}");
    };
    check("/services/source/image", Value::Null, "has no image");
    check("/services/sample/depends_on", json!({"from": {}}), "waits for from");
    check("/services/nats/healthcheck", Value::Null, "waits for the health of nats");
    check("/services/worker-1/network_mode", json!("host"), "network namespace");
    check("/services/sample/volumes/0", json!("./seed.yaml:/x"), "mounts ./seed.yaml");
    check("/volumes/nats", Value::Null, "mounts nats");
    check("/services/nats/ports/0", json!("5001:5001"), "open to the network");
}

#[tokio::test]
async fn every_flag_of_the_demo_stands_in_the_help() {
    for (service, arguments) in ours(&compose()) {
        let faults = judge_call(&arguments, &flags(&arguments[0]).await);
        assert!(faults.is_empty(), "{service}: {faults:?}");
    }
}

/// Copies a folder, which a config that lies elsewhere could not reach.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("our own folder");
    for entry in fs::read_dir(from).expect("the quickstart").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("our own folder");
        }
    }
}

#[tokio::test]
async fn the_two_configs_of_the_demo_fill_and_mirror() {
    let source = Distribution::start(DistributionOptions::default()).await;
    let destination = Distribution::start(DistributionOptions::default()).await;
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    copy(&deploy("../examples/quickstart/source"), &mirror.folder().join("source"));
    for config in ["sample.yaml", "mirror.yaml"] {
        let here = text(&format!("compose/{config}"))
            .replace("127.0.0.1:5001", &source.host())
            .replace("127.0.0.1:5002", &destination.host());
        mirror.write(config, here);
        mirror.call(["sync", config, "--no-progress"]).run().await.assert_code(0);
    }
    assert_eq!(Client::new(&destination.host()).tags("mirrored/app").await, ["1.1.0", "1.2.0"]);
    assert!(Client::new(&source.host()).tags("app").await.len() > 2);
}
