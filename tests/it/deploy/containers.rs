//! Every container is one of ours in the version of this checkout, watched, bounded, and allowed
//! nothing that it does not need.

use serde_json::{Value, json};

use super::objects::{Pods, Rendered, items, overlay};
use super::{assert_kept, check};

/// The image that `deploy/image` makes, of this version.
const IMAGE: &str = concat!("ghcr.io/fluxcd/flux-mirror:", env!("CARGO_PKG_VERSION"));
/// The user of the image.
pub(super) const USER: u64 = 65_532;
/// A value by its pointer, and what it must be.
type Must = (&'static str, fn(&Value) -> bool);

/// What a pod must say, by its pointer in the pod's spec.
const POD: [Must; 6] = [
    ("/automountServiceAccountToken", is_false),
    ("/securityContext/runAsNonRoot", is_true),
    ("/securityContext/runAsUser", is_user),
    ("/securityContext/runAsGroup", is_user),
    ("/securityContext/fsGroup", is_user),
    ("/securityContext/seccompProfile/type", |it| it == "RuntimeDefault"),
];
/// What a container must say, by its pointer.
const CONTAINER: [Must; 7] = [
    ("/image", |it| it == IMAGE),
    ("/resources/requests/cpu", Value::is_string),
    ("/resources/requests/memory", Value::is_string),
    ("/resources/limits/memory", Value::is_string),
    ("/securityContext/allowPrivilegeEscalation", is_false),
    ("/securityContext/readOnlyRootFilesystem", is_true),
    ("/securityContext/capabilities/drop", |it| *it == json!(["ALL"])),
];
/// What a container that serves must say too.
const SERVER: [Must; 3] = [
    ("/startupProbe/httpGet/path", |it| it == "/healthz"),
    ("/livenessProbe/httpGet/path", |it| it == "/healthz"),
    ("/readinessProbe/httpGet/path", |it| it == "/readyz"),
];

fn is_true(value: &Value) -> bool {
    *value == true
}

fn is_false(value: &Value) -> bool {
    *value == false
}

fn is_user(value: &Value) -> bool {
    *value == USER
}

fn rule(rendered: &Rendered) -> Vec<String> {
    let accounts = rendered.of("ServiceAccount");
    let open = accounts.filter(|it| it["automountServiceAccountToken"] != false);
    let mut faults: Vec<_> = open.map(|_| "an account's token is mounted".to_owned()).collect();
    for pods in rendered.pods() {
        judge(pods, &pods.template["spec"], &POD, &mut faults);
        for container in pods.containers() {
            judge(pods, container, &CONTAINER, &mut faults);
            if pods.owner["kind"] != "CronJob" {
                judge(pods, container, &SERVER, &mut faults);
            }
            let mounts = items(&container["volumeMounts"]);
            let mut written = mounts.iter().filter(|it| it["readOnly"] != true);
            if !written.all(|it| it["mountPath"] == "/tmp" && is_tmpfs(pods, &it["name"])) {
                faults.push(format!("{}: writes elsewhere than to a tmpfs", pods.title()));
            }
        }
    }
    faults
}

fn judge(pods: Pods<'_>, value: &Value, all: &[Must], faults: &mut Vec<String>) {
    for (pointer, is_right) in all {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        if !is_right(found) {
            faults.push(format!("{}: {pointer} is {found}", pods.title()));
        }
    }
}

fn is_tmpfs(pods: Pods<'_>, volume: &Value) -> bool {
    let volumes = items(&pods.template["spec"]["volumes"]);
    let folder = volumes.iter().find(|it| it["name"] == *volume).map(|it| &it["emptyDir"]);
    folder.is_some_and(|it| it["medium"] == "Memory" && it["sizeLimit"].is_string())
}

#[tokio::test]
async fn every_container_is_watched_bounded_and_allowed_little() {
    assert_kept(rule).await;
    let worker = "Deployment/flux-mirror-worker";
    let base = overlay("base").await;
    let spec = "/spec/template/spec";
    for (pointer, _) in POD {
        check(rule, base, (worker, &format!("{spec}{pointer}"), Value::Null), pointer);
    }
    for (pointer, _) in CONTAINER.iter().chain(&SERVER) {
        let at = format!("{spec}/containers/0{pointer}");
        check(rule, base, (worker, &at, Value::Null), pointer);
    }
    let root = format!("{spec}/securityContext/runAsUser");
    check(rule, base, (worker, &root, json!(0)), "runAsUser is 0");
    let mount = format!("{spec}/containers/0/volumeMounts/0/readOnly");
    check(rule, base, (worker, &mount, json!(false)), "writes elsewhere");
    let disk = format!("{spec}/volumes/3/emptyDir/medium");
    check(rule, base, (worker, &disk, Value::Null), "writes elsewhere");
    let account = "ServiceAccount/flux-mirror-worker";
    check(rule, base, (account, "/automountServiceAccountToken", json!(true)), "token is mounted");
}
