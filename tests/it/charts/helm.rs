//! Helm itself at both ends: its repositories are mirrored, and it pulls and renders what came of it.

use std::fs;
use std::path::Path;

use mirror_tests::client::Client;
use mirror_tests::pki::Pki;
use mirror_tests::servers::{Distribution, DistributionOptions, FileServer, FileServerOptions};
use mirror_tests::tools::tool;
use tokio::sync::OnceCell;

use super::*;
use crate::requests::pair::assert_rows;

const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0-rc.1", "1.2.0+build.5", "1.10.0"];

/// Helm, and a repository that it has made, in the folder `repository`.
struct Helm {
    binary: Binary,
}

/// What is mirrored in both modes: Helm writes times into archives, and so no two are alike.
static SHARED: OnceCell<Helm> = OnceCell::const_new();

impl Helm {
    /// Makes a chart by Helm's own template, of which another is a part, and packs its versions.
    async fn new() -> Self {
        let binary = tool("helm").unwrap_or_else(|| panic!("helm was not built"));
        binary.says(["create", "app"]).await;
        binary.says(["create", "part"]).await;
        binary.says(["package", "part", "--version", "0.1.0", "-d", "app/charts"]).await;
        let metadata = binary.folder().join("app/Chart.yaml");
        let mut text = fs::read_to_string(&metadata).unwrap();
        text += "dependencies:\n- {name: part, version: 0.1.0, repository: ''}\nkeywords: [a, '<b>']\n\
                 annotations: {z: '1', a: yes}\nkubeVersion: '>=1.25.0-0'\nhome: https://x.example/?a&b\n";
        fs::write(&metadata, text).unwrap();
        for version in VERSIONS {
            let flags = ["--version", version, "--app-version", "1.10", "-d", "repository"];
            binary.says(["package", "app"].into_iter().chain(flags)).await;
        }
        let as_json = binary.folder().join("as-json");
        fs::create_dir(&as_json).unwrap();
        for archive in fs::read_dir(binary.folder().join("repository")).unwrap() {
            let archive = archive.unwrap();
            fs::copy(archive.path(), as_json.join(archive.file_name())).unwrap();
        }
        binary.says(["repo", "index", "repository"]).await;
        binary.says(["repo", "index", "as-json", "--json"]).await;
        Self { binary }
    }

    fn repository(&self) -> std::path::PathBuf {
        self.binary.folder().join("repository")
    }

    fn archive(&self, version: &str) -> Vec<u8> {
        fs::read(self.repository().join(format!("app-{version}.tgz"))).unwrap()
    }

    /// Asserts that Helm pulls each version, that it is the archive, and that it renders alike.
    async fn assert_pulls(&self, from: &str, flags: &[&str]) {
        let helm = tool("helm").unwrap();
        fs::create_dir_all(helm.folder().join("pulled")).unwrap();
        for version in VERSIONS {
            let chart = format!("oci://{from}/app");
            let pull = ["pull", &chart, "--version", version, "-d", "pulled"];
            helm.says(pull.iter().chain(flags)).await;
            let pulled = helm.folder().join(format!("pulled/app-{version}.tgz"));
            assert_eq!(fs::read(&pulled).unwrap(), self.archive(version), "{version}");
            let template =
                ["template", "release", "--kube-version", "1.30.0", &chart, "--version", version];
            let rendered = helm.says(template.iter().chain(flags)).await;
            let own = self.repository().join(format!("app-{version}.tgz"));
            let own = own.to_str().unwrap();
            assert_eq!(
                rendered,
                helm.says(["template", "release", "--kube-version", "1.30.0", own]).await
            );
            assert!(rendered.contains("kind: Deployment"), "{rendered}");
        }
    }

    /// Asserts that the mirror wrote what Helm pushes: the same layer and config, byte for byte.
    async fn assert_pushes_alike(&self, host: &str, mirrored: &str) {
        let client = Client::new(host);
        for version in VERSIONS {
            let archive = self.repository().join(format!("app-{version}.tgz"));
            let to = format!("oci://{host}/pushed");
            self.binary.says(["push", archive.to_str().unwrap(), &to, "--plain-http"]).await;
            let tag = version.replace('+', "_");
            let manifest = async |repository: &str| -> Value {
                let (_, bytes) = client.manifest(repository, &tag).await.unwrap();
                serde_json::from_slice(&bytes).unwrap()
            };
            let (theirs, ours) = (manifest("pushed/app").await, manifest(mirrored).await);
            assert_eq!((&ours["config"], &ours["layers"]), (&theirs["config"], &theirs["layers"]));
            let keys: Vec<&String> = ours.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["config", "layers", "mediaType", "schemaVersion"]);
        }
    }
}

fn mirrored(status: &'static str) -> [(&'static str, &'static str); 4] {
    [VERSIONS[3], VERSIONS[2], VERSIONS[1], VERSIONS[0]].map(|version| (version, status))
}

/// Mirrors from a server of the repository into a real registry.
fn world(source: &str, registry: &Distribution) -> World {
    let world = World::new();
    let to = format!("oci://{}/mirrored", registry.host());
    world.config_of(source, &to, &[("app", "version: '>=1.0.0-0', limit: 0")]);
    world
}

both_modes!(what_helm_has_packed_is_mirrored_and_helm_pulls_it);
async fn what_helm_has_packed_is_mirrored_and_helm_pulls_it() {
    let helm = SHARED.get_or_init(Helm::new).await;
    let registry = Distribution::start(DistributionOptions::default()).await;
    for (folder, status, archives) in
        [("repository", "copied", VERSIONS.len()), ("as-json", "skipped", 0)]
    {
        let folder = helm.binary.folder().join(folder);
        let server = FileServer::start(&folder, FileServerOptions::default()).await;
        let world = world(&format!("http://{}", server.host()), &registry);
        let done = world.sync_well().await;
        assert_rows(&done, 0, &mirrored(status));
        let requests = server.requests();
        let fetched = requests.iter().filter(|served| is_archive(&served.uri)).count();
        assert_eq!(fetched, archives);
    }
    helm.assert_pulls(&format!("{}/mirrored", registry.host()), &["--plain-http"]).await;
    helm.assert_pushes_alike(&registry.host(), "mirrored/app").await;

    // What Helm has pushed is not copied again.
    let server = FileServer::start(&helm.repository(), FileServerOptions::default()).await;
    let world = World::new();
    let to = format!("oci://{}/pushed", registry.host());
    let source = format!("http://{}", server.host());
    world.config_of(&source, &to, &[("app", "version: '>=1.0.0-0', limit: 0, overwrite: true")]);
    assert_rows(&world.sync_well().await, 0, &mirrored("skipped"));
    assert_eq!(server.requests().len(), 1);
}

/// Where Helm's own commands have written down who we are, and it is the mirror that reads it.
#[tokio::test]
async fn repositories_that_helm_has_added_are_mirrored() {
    let helm = Helm::new().await;
    let pki = Pki::new();
    let (certificate, key) = pki.client();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (ca, certificate, key) = (path(&pki.ca()), path(&certificate), path(&key));
    let basic = || Some(("me".to_owned(), "hunter2".to_owned()));
    let user = ["--username", "me", "--password", "hunter2"].map(str::to_owned);
    let by_ca = ["--ca-file", &ca].map(str::to_owned);
    let by_client = ["--cert-file", &certificate, "--key-file", &key].map(str::to_owned);
    let plain = FileServerOptions::default();
    let tls = || FileServerOptions { tls: Some(pki.clone()), ..FileServerOptions::default() };
    for (options, flags) in [
        (FileServerOptions { basic: basic(), ..plain }, user.to_vec()),
        (tls(), by_ca.to_vec()),
        (tls(), vec!["--insecure-skip-tls-verify".to_owned()]),
        (
            FileServerOptions { client_certificates: true, basic: basic(), ..tls() },
            [&by_ca[..], &by_client, &user].concat(),
        ),
    ] {
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let server = FileServer::start(&helm.repository(), options).await;
        let source = format!("{scheme}://{}", server.host());
        let registry = Distribution::start(DistributionOptions::default()).await;
        let mut world = world(&source, &registry);
        let refused = world.sync(&["--retries=0"]).await;
        assert!(plan_error(refused.assert_code(1), 0).contains(&server.host()), "{refused}");

        let own = world.mirror.folder().join("repositories.yaml");
        let add = ["repo", "add", "private", &source, "--repository-config", own.to_str().unwrap()];
        let add = add.into_iter().map(str::to_owned).chain(flags.clone());
        helm.binary.says(add).await;
        world.mirror.set_env("HELM_REPOSITORY_CONFIG", &own);
        assert_rows(&world.sync_well().await, 0, &mirrored("copied"));
        assert!(server.requests().iter().filter(|served| served.status == 200).count() > 4);
        helm.assert_pulls(&format!("{}/mirrored", registry.host()), &["--plain-http"]).await;
    }
}
