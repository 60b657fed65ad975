//! Examples are those of the user's document, and every example that needs no cloud does what it says,
//! against registries of the same shape.
//!
//! Hosts are put in place of the examples' own; all else is as it stands in `examples/`. `document` holds the
//! workflows and manifests as the document has them, `shared/config/src/tests/examples` its configs.

mod document;
#[cfg(feature = "test-clients")]
mod manifests;
mod pod;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use mirror_tests::binary::Binary;
use mirror_tests::chart::{chart, digest, index};
use mirror_tests::sample::{Sample, artifact, image, referrer};
use mirror_tests::scripted::{
    Answer, Auth, Fault, Kind, Rule, ScriptedOptions, ScriptedRegistry, TokenAuth, User,
};

/// An example, its hosts replaced.
fn example(name: &str, hosts: &[(&str, &ScriptedRegistry)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let mut text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (host, registry) in hosts {
        assert!(text.contains(host), "{name} has no {host}");
        text = text.replace(host, &registry.host());
    }
    text
}

fn binary(config: &str) -> Binary {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    mirror.write("mirror.yaml", config);
    mirror
}

fn registry(auth: Auth) -> ScriptedRegistry {
    ScriptedRegistry::start(ScriptedOptions { auth, ..ScriptedOptions::default() })
}

/// GHCR: a token for whoever logs in with the right password.
fn ghcr(password: &str) -> ScriptedRegistry {
    let users = vec![User::new("my-org", password)];
    registry(Auth::Token(TokenAuth { users, ..TokenAuth::default() }))
}

/// Pushes versions and returns the sample of one.
fn push(registry: &ScriptedRegistry, repository: &str, tags: &[&str]) {
    for tag in tags {
        registry.store().push(repository, tag, &sample(repository, tag));
    }
}

fn sample(repository: &str, tag: &str) -> Sample {
    image(&format!("{repository}:{tag}"))
}

/// What is attached to a version by whoever makes it.
fn signature(repository: &str, tag: &str) -> Sample {
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    referrer(kind, &sample(repository, tag), format!("signs {repository}:{tag}"))
}

/// What the selectors of the examples choose among: the five highest releases from 1.0.0 on.
const TAGS: [&str; 9] =
    ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "1.10.0", "v1.3.0", "2.0.0-rc.1", "2.0.0", "latest"];
const CHOSEN: [&str; 5] = ["1.1.0", "1.10.0", "1.2.0", "2.0.0", "v1.3.0"];

#[track_caller]
fn assert_mirrored(registry: &ScriptedRegistry, repository: &str, source: &str, tags: &[&str]) {
    assert_eq!(registry.store().tags(repository), tags, "{repository}");
    for tag in tags {
        registry.store().assert_holds(repository, tag, &sample(source, tag));
    }
}

#[tokio::test]
async fn charts_between_registries_are_artifacts() {
    let registry = ScriptedRegistry::plain();
    let source = "stefanprodan/charts/podinfo";
    push(&registry, source, &["5.9.9", "6.0.0", "6.1.0", "6.2.0", "6.3.0", "6.4.0", "6.10.0"]);
    let mirror = binary(&example("charts-between-registries.yaml", &[("ghcr.io", &registry)]));
    mirror.call(["sync", "mirror.yaml"]).run().await.assert_code(0);
    let expected = ["6.1.0", "6.10.0", "6.2.0", "6.3.0", "6.4.0"];
    assert_mirrored(&registry, "my-org/charts/podinfo", source, &expected);
}

#[tokio::test]
async fn images_go_to_a_private_registry_by_user_and_password_of_the_environment() {
    let source = ghcr("gh-token");
    let (user, password) = ("robot".to_owned(), "pass word: #1".to_owned());
    let destination = registry(Auth::Basic { user, password });
    for controller in ["source-controller", "kustomize-controller"] {
        let repository = format!("fluxcd/{controller}");
        push(&source, &repository, &TAGS);
        source.store().put(&repository, &signature(&repository, "2.0.0"));
    }
    let hosts = [("ghcr.io", &source), ("registry.internal.example.com", &destination)];
    let mirror = binary(&example("images-to-private-registry.yaml", &hosts));
    let call = mirror.call(["sync", "mirror.yaml", "--no-progress"]);
    let call = call.env("GH_TOKEN", "gh-token").env("REGISTRY_USERNAME", "robot");
    call.env("REGISTRY_PASSWORD", "pass word: #1").run().await.assert_code(0);
    for controller in ["fluxcd/source-controller", "fluxcd/kustomize-controller"] {
        assert_mirrored(&destination, controller, controller, &CHOSEN);
        let signature = signature(controller, "2.0.0").digest();
        destination.store().judge(controller, &signature).expect("its signature came along");
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_failure_that_does_not_show_it() {
    let source = ghcr("gh-token");
    push(&source, "stefanprodan/charts/podinfo", &["6.0.0"]);
    let hosts = "hosts:\n  - host: ghcr.io\n    username: my-org\n    credential:\n      value: ${GH_TOKEN}\n";
    let config = example("charts-between-registries.yaml", &[]) + hosts;
    let mirror = binary(&config.replace("ghcr.io", &source.host()));
    let call = mirror.call(["sync", "mirror.yaml"]).env("GH_TOKEN", "not-the-token");
    let done = call.run().await;
    done.assert_code(1);
    assert!(!format!("{done}").contains("not-the-token"), "{done}");
}

#[tokio::test]
async fn the_token_of_a_service_account_is_sent_as_it_is_and_to_its_host_alone() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    push(&source, "library/app", &TAGS);
    let without = |request: &mirror_tests::scripted::Request| {
        request.header("authorization") != Some("Bearer sa-token")
    };
    let refused = source.script(Rule::any().matching(without), Fault::error(401, "UNAUTHORIZED"));
    let cloud = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let hosts = [("source-registry.example.com", &source), (cloud, &destination)];
    // The destination is a cloud's; what is left is a registry that takes anybody.
    let provider = format!("  - host: {}\n    provider: ecr\n", destination.host());
    let config = example("workload-identity.yaml", &hosts);
    assert!(config.contains(&provider), "{config}");
    let mirror = binary(&config.replace(&provider, ""));
    mirror.write("registry-token", "sa-token\n");
    mirror.call(["sync", "mirror.yaml"]).run().await.assert_code(0);
    assert_mirrored(&destination, "library/app", "library/app", &CHOSEN);
    assert_eq!(refused.fired(), 0);
    destination.log().assert_anonymous();
}

#[tokio::test]
async fn images_charts_and_artifacts_go_to_one_registry() {
    let source = ghcr("gh-token");
    let destination = ScriptedRegistry::plain();
    push(&source, "fluxcd/source-controller", &TAGS);
    let signature = signature("fluxcd/source-controller", "2.0.0");
    source.store().put("fluxcd/source-controller", &signature);
    push(&source, "stefanprodan/charts/podinfo", &["6.0.0", "6.7.1"]);
    let manifests = artifact("application/vnd.cncf.flux.config.v1+json", "manifests");
    for tag in ["latest", "latest-2", "1.0.0"] {
        source.store().push("stefanprodan/manifests/podinfo", tag, &manifests);
    }
    let cloud = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let hosts = [("ghcr.io", &source), (cloud, &destination)];
    let provider = format!("  - host: {}\n    provider: ecr\n", destination.host());
    let config = example("images-to-ecr.yaml", &hosts);
    assert!(config.contains(&provider), "{config}");
    let mirror = binary(&config.replace(&provider, ""));
    let call = mirror.call(["sync", "mirror.yaml"]).env("GH_TOKEN", "gh-token");
    call.run().await.assert_code(0);
    assert_mirrored(&destination, "fluxcd/source-controller", "fluxcd/source-controller", &CHOSEN);
    let judged = destination.store().judge("fluxcd/source-controller", &signature.digest());
    judged.expect("its signature came along");
    let chart = "stefanprodan/charts/podinfo";
    assert_mirrored(&destination, "charts/podinfo", chart, &["6.0.0", "6.7.1"]);
    assert_eq!(destination.store().tags("manifests/podinfo"), ["latest"]);
    destination.store().assert_holds("manifests/podinfo", "latest", &manifests);
}

#[tokio::test]
async fn charts_of_classic_repositories_go_to_ghcr() {
    let (destination, repositories) = (ghcr("gh-token"), ScriptedRegistry::plain());
    let charts = [
        ("ingress-nginx", "https://kubernetes.github.io/ingress-nginx", "4.1"),
        ("cert-manager", "https://charts.jetstack.io", "1.2"),
        ("metrics-server", "https://kubernetes-sigs.github.io/metrics-server", "3.2"),
        ("kube-prometheus-stack", "https://prometheus-community.github.io/helm-charts", "70."),
    ];
    let mut config = example("charts-to-ghcr.yaml", &[("ghcr.io", &destination)]);
    for (name, source, of) in charts {
        assert!(config.contains(source), "{source}");
        config = config.replace(source, &format!("{}/{name}", repositories.url()));
        let serve = |file: &str, body: Bytes| {
            let rule = Rule::on(Kind::Other).target(&format!("/{name}/{file}"));
            repositories.script(rule, Fault::answer(Answer::status(200).body(body)));
        };
        let mut listed = Vec::new();
        // 0.1.0 is below each example's constraint; of the four others the highest three are taken.
        for version in ["0.1".to_owned()].into_iter().chain((2..6).map(|one| format!("{of}{one}")))
        {
            let version = format!("{version}.0");
            let (archive, file) = (chart(name, &version), format!("{name}-{version}.tgz"));
            listed.push((version, file.clone(), digest(&archive)));
            serve(&file, archive);
        }
        let listed: Vec<(&str, &str, &str)> =
            listed.iter().map(|(version, file, digest)| (&**version, &**file, &**digest)).collect();
        serve("index.yaml", index(name, &listed).into());
    }
    let mirror = binary(&config);
    let call = mirror.call(["sync", "mirror.yaml", "--no-progress"]).env("GH_TOKEN", "gh-token");
    call.run().await.assert_code(0);
    for (name, _, of) in charts {
        let expected = [3, 4, 5].map(|one| format!("{of}{one}.0"));
        assert_eq!(destination.store().tags(&format!("my-org/charts/{name}")), expected);
    }
    repositories.log().assert_anonymous();
}

#[tokio::test]
async fn preview_resync_and_ci_do_what_the_document_says() {
    let registry = ScriptedRegistry::plain();
    let source = "stefanprodan/charts/podinfo";
    push(&registry, source, &["6.0.0", "6.1.0"]);
    registry.store().push("my-org/charts/podinfo", "6.1.0", &image("drifted"));
    let mirror = binary(&example("charts-between-registries.yaml", &[("ghcr.io", &registry)]));
    let preview = mirror.call(["sync", "mirror.yaml", "--dry-run", "-o", "yaml"]).run().await;
    preview.assert_code(2);
    assert!(preview.stdout.contains("status: would-copy"), "{preview}");
    assert_eq!(registry.store().tags("my-org/charts/podinfo"), ["6.1.0"]);
    let ci = ["sync", "mirror.yaml", "--no-progress", "--drift-exit-code=0"];
    mirror.call(ci).run().await.assert_code(0);
    let resync = mirror.call(["sync", "mirror.yaml", "--overwrite"]).run().await;
    resync.assert_code(0);
    assert_mirrored(&registry, "my-org/charts/podinfo", source, &["6.0.0", "6.1.0"]);
}
