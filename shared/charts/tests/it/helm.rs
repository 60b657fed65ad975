//! Helm itself as the judge: what `helm push` makes of an archive is what is packed here.

use std::fs;
use std::path::Path;

use mirror_charts::{CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE};
use mirror_oci::{Checkpoints, Content};
use mirror_tests::binary::Binary;
use mirror_tests::chart::archive;
use mirror_tests::client::Client;
use mirror_tests::servers::{Distribution, DistributionOptions};
use mirror_tests::tools::tool;

use super::*;

fn helm() -> Binary {
    tool("helm").unwrap_or_else(|| panic!("helm was not built"))
}

/// Pushes an archive with Helm; returns the manifest that is there then.
async fn push(
    helm: &Binary,
    registry: &Distribution,
    repository: &str,
    archive: &[u8],
) -> serde_json::Value {
    helm.write("chart.tgz", archive);
    let to = format!("oci://{}/{repository}", registry.host());
    let pushed = helm.call(["push", "chart.tgz", &to, "--plain-http"]).run().await;
    pushed.assert_code(0);
    let said = format!("{}{}", pushed.stdout, pushed.stderr);
    let word = |line: &str| {
        let found = said.lines().find_map(|one| one.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line}: {said}")).trim().to_owned()
    };
    let (name, _) = word("Pushed:")
        .rsplit_once(':')
        .map(|(name, tag)| (name.to_owned(), tag.to_owned()))
        .unwrap();
    let (_, name) = name.split_once('/').unwrap();
    let client = Client::new(&registry.host());
    let (_, manifest) = client.manifest(name, &word("Digest:")).await.unwrap();
    serde_json::from_slice(&manifest).unwrap()
}

/// The archive of a case of the corpus, and the version that Chart.yaml gives it.
fn case(folder: &Path) -> (Bytes, String) {
    let chart = fs::read_to_string(folder.join("Chart.yaml")).unwrap();
    let requirements = fs::read_to_string(folder.join("requirements.yaml")).ok();
    let mut files = vec![("app/Chart.yaml", chart.as_str())];
    files.extend(requirements.as_deref().map(|text| ("app/requirements.yaml", text)));
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    (archive(&files), config["version"].as_str().unwrap().to_owned())
}

/// Over the whole corpus: the same layer, the same config, byte for byte.
#[tokio::test]
async fn packed_charts_are_what_helm_pushes() {
    let (helm, bench) = (helm(), Bench::new());
    let registry = Distribution::start(DistributionOptions::default()).await;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases = 0;
    for folder in fs::read_dir(corpus).unwrap().flatten().map(|entry| entry.path()) {
        let (name, (archive, version)) =
            (folder.file_name().unwrap().to_string_lossy().into_owned(), case(&folder));
        let pushed = push(&helm, &registry, &name, &archive).await;

        let file = format!("{name}.tgz");
        bench.serve_bytes(&file, archive.clone());
        let chart = ChartRef { version, ..bench.chart(&[&file], None) };
        let packed =
            bench.pack(&chart).await.unwrap_or_else(|error| panic!("{name}: {}", text(&error)));
        let ours: serde_json::Value = serde_json::from_slice(&packed.root().bytes).unwrap();
        assert_eq!(ours["config"], pushed["config"], "{name}");
        assert_eq!(ours["layers"], pushed["layers"], "{name}");
        let types = [&ours["config"]["mediaType"], &ours["layers"][0]["mediaType"]];
        assert_eq!(types, [CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE], "{name}");

        let config = &packed.root().blobs[0];
        let bytes = packed.blob(config, 0, &Checkpoints::new(config.digest)).await.unwrap();
        let bytes: Vec<_> = bytes.map(Result::unwrap).collect().await;
        let recorded = fs::read(folder.join("config.json")).unwrap();
        assert_eq!(bytes.concat(), recorded, "{name}");
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
}

/// What Helm takes for a path out of the chart is none here either.
#[tokio::test]
async fn paths_are_judged_as_helm_judges_them() {
    const METADATA: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";
    let (helm, bench) = (helm(), Bench::new());
    for (path, is_fine) in [
        ("app/templates/x", true),
        ("app/templates//x", true),
        ("app/.//x", true),
        ("app//x", false),
        ("app//./x", false),
        ("app\\/x", false),
        ("app\\\\x", false),
        ("app/../x", false),
        ("app/.", false),
    ] {
        let archive = archive(&[("app/Chart.yaml", METADATA), (path, "")]);
        helm.write("chart.tgz", &archive);
        let shown = helm.call(["show", "chart", "chart.tgz"]).run().await;
        bench.serve_bytes("app.tgz", archive);
        let packed = bench.pack(&bench.chart(&["app.tgz"], None)).await;
        assert_eq!((shown.status.success(), packed.is_ok()), (is_fine, is_fine), "{path}{shown}");
    }
}

/// A chart that Helm made from its own template, with all that belongs to one.
#[tokio::test]
async fn a_chart_that_helm_packaged_is_packed_alike() {
    let (helm, bench) = (helm(), Bench::new());
    let registry = Distribution::start(DistributionOptions::default()).await;
    helm.says(["create", "app"]).await;
    helm.says(["package", "app", "--version", "1.2.3+build.5", "--app-version", "1.10"]).await;
    let archive = Bytes::from(fs::read(helm.folder().join("app-1.2.3+build.5.tgz")).unwrap());
    let pushed = push(&helm, &registry, "charts", &archive).await;
    bench.serve_bytes("app.tgz", archive);
    let chart = ChartRef { version: "1.2.3+build.5".to_owned(), ..bench.chart(&["app.tgz"], None) };
    let packed = bench.pack(&chart).await.unwrap();
    let ours: serde_json::Value = serde_json::from_slice(&packed.root().bytes).unwrap();
    assert_eq!((&ours["config"], &ours["layers"]), (&pushed["config"], &pushed["layers"]));
    assert_eq!(ours.get("annotations"), None);
}

/// The index that Helm makes of a folder is read, with its digests.
#[tokio::test]
async fn an_index_that_helm_made_is_read() {
    let (helm, bench) = (helm(), Bench::new());
    helm.says(["create", "app"]).await;
    let versions = ["1.0.0", "1.1.0-rc.1", "1.1.0+b.1"];
    for version in versions {
        helm.says(["package", "app", "--version", version, "-d", "repo"]).await;
    }
    for arguments in [vec!["repo", "index", "repo"], vec!["repo", "index", "repo", "--json"]] {
        helm.says(arguments).await;
        let index = fs::read(helm.folder().join("repo/index.yaml")).unwrap();
        let index = Index::parse(&index, &wanted(&["app"])).unwrap();
        let found = index.require("app").unwrap();
        assert_eq!(found.len(), versions.len());
        assert_eq!(index.passed_over(), []);
        for version in found {
            let archive = fs::read(helm.folder().join("repo").join(&version.urls[0])).unwrap();
            assert_eq!(version.digest, Some(Digest::of(&archive)), "{}", version.version);
            bench.serve_bytes(&version.urls[0].replace('+', "%2B"), archive.clone());
            bench.serve_bytes(&version.urls[0], archive);
            let urls: Vec<&str> = version.urls.iter().map(String::as_str).collect();
            let chart =
                ChartRef { version: version.version.clone(), ..bench.chart(&urls, version.digest) };
            bench.pack(&chart).await.unwrap();
        }
    }
}
