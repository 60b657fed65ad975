//! The manifests of scheduled runs, with their configs beside them, are what kustomize takes, and what they
//! name is there.

use mirror_tests::binary::Binary;
use mirror_tests::tools::tool;
use serde_json::{Value, json};

use super::document::documents;
use super::example;

/// Renders a scheduled run with its config and this service account.
async fn rendered(kustomize: &Binary, name: &str, account: &Value) -> Vec<Value> {
    kustomize.write("job/cronjob.yaml", example(&format!("{name}.cronjob.yaml"), &[]));
    kustomize.write("job/mirror.yaml", example(&format!("{name}.yaml"), &[]));
    kustomize.write("job/account.yaml", account.to_string());
    let kustomization = json!({
        "resources": ["cronjob.yaml", "account.yaml"],
        "configMapGenerator": [{
            "name": "flux-mirror-config", "namespace": "flux-system", "files": ["mirror.yaml"],
        }],
    });
    kustomize.write("job/kustomization.yaml", kustomization.to_string());
    let done = kustomize.call(["build", "job"]).run().await;
    done.assert_code(0);
    documents(&done.stdout)
}

#[track_caller]
fn of_kind<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
    let found = objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("nothing is a {kind}"))
}

/// The files that the volumes of a pod put below a folder, by name.
fn mounted(pod: &Value, objects: &[Value], folder: &str) -> Vec<String> {
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("it mounts something");
    let mount = mounts.iter().find(|mount| mount["mountPath"] == folder).expect("it is mounted");
    assert_eq!(mount["readOnly"], true);
    let volumes = pod["volumes"].as_array().expect("it has volumes");
    let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("its volume");
    let sources = match volume["projected"]["sources"].as_array() {
        Some(sources) => sources.clone(),
        None => vec![volume.clone()],
    };
    let mut files = Vec::new();
    for source in sources {
        if let Some(path) = source["serviceAccountToken"]["path"].as_str() {
            files.push(path.to_owned());
        }
        // The name of the ConfigMap has its hash by now; kustomize changed both.
        let name = [&source["configMap"]["name"], &source["name"]];
        let maps = objects.iter().filter(|object| object["kind"] == "ConfigMap");
        for map in maps.filter(|map| name.contains(&&map["metadata"]["name"])) {
            let keys = map["data"].as_object().expect("it holds files").keys();
            files.extend(keys.cloned());
        }
    }
    files
}

#[tokio::test]
async fn each_cronjob_finds_what_it_names() {
    let kustomize = tool("kustomize").expect("kustomize is in the set of clients");
    for (name, accounts, beside) in
        [("workload-identity", 3, &["registry-token"][..]), ("spiffe", 1, &[])]
    {
        let all = documents(&example(&format!("{name}.service-account.yaml"), &[]));
        assert_eq!(all.len(), accounts, "{name}");
        for account in all {
            let objects = rendered(&kustomize, name, &account).await;
            let job = of_kind(&objects, "CronJob");
            let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
            let account = of_kind(&objects, "ServiceAccount");
            assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
            assert_eq!(job["metadata"]["namespace"], account["metadata"]["namespace"]);
            let arguments = pod["containers"][0]["args"].as_array().expect("it has arguments");
            assert_eq!(arguments[0], "sync");
            let config = arguments[1].as_str().expect("a path");
            let (folder, file) = config.rsplit_once('/').expect("an absolute path");
            let files = mounted(pod, &objects, folder);
            for file in beside.iter().chain([&file]) {
                assert!(files.iter().any(|there| there == file), "{name}: {file} not in {files:?}");
            }
        }
    }
}
