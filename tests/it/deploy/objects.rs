//! What kustomize renders, as values, and the pods in it.

use std::collections::BTreeMap;
use std::path::Path;

use mirror_tests::binary::Binary;
use mirror_tests::tools::tool;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::deploy;

/// What is rendered: all that people would apply, and the components together.
const FOLDERS: [&str; 7] = [
    "base",
    "overlays/cronjob",
    "overlays/keda",
    "overlays/regions",
    "overlays/workload-identity/aks",
    "overlays/workload-identity/eks",
    "overlays/workload-identity/gke",
];
/// The components that have no overlay of their own, on top of the regions: they must fit workers
/// that were renamed.
const COMPONENTS: &str = "components";

/// The objects of one overlay.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// Its folder in `deploy/kubernetes`.
    pub(super) name: String,
    pub(super) objects: Vec<Value>,
}

/// A pod template, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pods<'a> {
    /// `Deployment/flux-mirror-worker`.
    pub(super) owner: &'a Value,
    pub(super) template: &'a Value,
}

/// Returns everything, rendered once.
pub(super) async fn rendered() -> &'static [Rendered] {
    static ALL: OnceCell<Vec<Rendered>> = OnceCell::const_new();
    ALL.get_or_init(render_all).await
}

/// Returns one overlay.
pub(super) async fn overlay(name: &str) -> &'static Rendered {
    let found = rendered().await.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("nothing is rendered as {name}"))
}

async fn render_all() -> Vec<Rendered> {
    let kustomize = tool("kustomize").expect("kustomize is in the set of clients");
    let mut all = Vec::new();
    for name in FOLDERS {
        all.push(build(&kustomize, name, &deploy("kubernetes").join(name)).await);
    }
    // Kustomize takes no absolute path.
    let here = kustomize.folder().canonicalize().expect("a folder");
    let up = "../".repeat(here.components().count());
    let there = deploy("kubernetes").canonicalize().expect("a folder");
    let there = format!("{up}{}", there.strip_prefix("/").expect("absolute").display());
    kustomize.write(
        "overlay/kustomization.yaml",
        json!({
            "namespace": "flux-mirror",
            "resources": [format!("{there}/overlays/regions")],
            "components": [
                format!("{there}/components/bearer-token"),
                format!("{there}/components/cert-manager"),
                format!("{there}/components/hosts"),
            ],
            "configMapGenerator": [{"name": "flux-mirror-hosts", "literals": ["hosts.yaml="]}],
        })
        .to_string(),
    );
    all.push(build(&kustomize, COMPONENTS, &kustomize.folder().join("overlay")).await);
    all
}

async fn build(kustomize: &Binary, name: &str, folder: &Path) -> Rendered {
    let text = kustomize.says(["build".as_ref(), folder.as_os_str()]).await;
    let parse = |document| {
        serde_saphyr::from_str(document)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{document}"))
    };
    let objects: Vec<Value> = text.split("\n---\n").map(parse).collect();
    assert!(!objects.is_empty(), "{name} renders nothing");
    Rendered { name: name.to_owned(), objects }
}

impl Rendered {
    /// Returns the objects of a kind.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// Returns whether there is an object.
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        self.of(kind).any(|object| object["metadata"]["name"] == name)
    }

    /// Returns every pod template.
    pub(super) fn pods(&self) -> Vec<Pods<'_>> {
        let pods = self.objects.iter().map(|owner| {
            let jobs = &owner["spec"]["jobTemplate"]["spec"];
            let parent = if owner["kind"] == "CronJob" { jobs } else { &owner["spec"] };
            Pods { owner, template: &parent["template"] }
        });
        pods.filter(|pods| !pods.template.is_null()).collect()
    }

    /// Returns it with one value of `Kind/name` changed; null takes it away.
    pub(super) fn changed(&self, object: &str, pointer: &str, value: Value) -> Self {
        let mut changed = self.clone();
        let found = changed.objects.iter_mut().find(|it| title(it) == object);
        let found = found.unwrap_or_else(|| panic!("{} has no {object}", self.name));
        let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
        let key = key.replace("~1", "/");
        match found.pointer_mut(parent) {
            Some(Value::Object(map)) if value.is_null() => {
                assert!(map.remove(&key).is_some(), "{object} has no {pointer}");
            }
            Some(Value::Object(map)) => {
                map.insert(key, value);
            }
            Some(Value::Array(list)) => {
                let index: usize = key.parse().expect("an index");
                if value.is_null() {
                    list.remove(index);
                } else {
                    list[index] = value;
                }
            }
            other => panic!("{object} {parent} is {other:?}"),
        }
        changed
    }
}

impl<'a> Pods<'a> {
    /// Returns what it is called in messages.
    pub(super) fn title(&self) -> String {
        title(self.owner)
    }

    /// Returns the pods' labels.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        strings(&self.template["metadata"]["labels"])
    }

    /// Returns the containers.
    pub(super) fn containers(&self) -> &'a [Value] {
        items(&self.template["spec"]["containers"])
    }

    /// Returns the arguments of the first container, with variables in their places.
    pub(super) fn arguments(&self) -> Vec<String> {
        let container = &self.containers()[0];
        let arguments = items(&container["args"]).iter();
        arguments.map(|it| expanded(it.as_str().unwrap_or_default(), container)).collect()
    }

    /// Returns the value of a flag.
    pub(super) fn flag(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        self.arguments().iter().find_map(|it| it.strip_prefix(&prefix).map(str::to_owned))
    }

    /// Returns the names and numbers of its ports.
    pub(super) fn ports(&self) -> Vec<(&'a str, u64)> {
        let ports = self.containers().iter().flat_map(|it| items(&it["ports"]));
        ports
            .map(|it| {
                (it["name"].as_str().unwrap_or_default(), it["containerPort"].as_u64().unwrap_or(0))
            })
            .collect()
    }
}

/// Returns `argument` with each `$(NAME)` that the container's environment has replaced; a field of
/// the pod by its first pod's.
fn expanded(argument: &str, container: &Value) -> String {
    let mut argument = argument.to_owned();
    for variable in items(&container["env"]) {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("metadata.name") => "flux-mirror-coordinator-0",
            Some("metadata.namespace") => "flux-mirror",
            _ => variable["value"].as_str().unwrap_or_default(),
        };
        let name = variable["name"].as_str().unwrap_or_default();
        argument = argument.replace(&format!("$({name})"), value);
    }
    argument
}

/// Returns `Kind/name`.
pub(super) fn title(object: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{}/{}", word(&object["kind"]), word(&object["metadata"]["name"]))
}

/// Returns a list's items; none where it is no list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns a map of strings.
pub(super) fn strings(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
