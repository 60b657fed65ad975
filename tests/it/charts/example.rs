//! The example of `examples/charts`: its repository served by a web server, into layouts and a registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mirror_tests::client::Client;
use mirror_tests::layout::{judge_layout, layout_tags};
use mirror_tests::servers::{Distribution, DistributionOptions, FileServer, FileServerOptions};

use super::*;
use crate::requests::pair::assert_rows;

/// The URL in the example, as the README has the repository served.
const SERVED: &str = "http://127.0.0.1:8879";
const GREETER: [&str; 3] = ["1.2.0", "1.1.0", "1.0.0"];
const SCHEDULE: [&str; 3] = ["0.4.1+build.7", "0.4.0", "0.3.0"];

fn original() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/charts")
}

#[track_caller]
fn assert_all(done: &Finished, status: &str) {
    done.assert_code(0);
    assert_rows(done, 0, &GREETER.map(|version| (version, status)));
    assert_rows(done, 1, &SCHEDULE.map(|version| (version, status)));
}

/// What is asked of the server since it was asked last, without the host.
fn asked(server: &FileServer, known: usize) -> Vec<String> {
    server.requests().into_iter().skip(known).map(|request| request.uri).collect()
}

#[tokio::test]
async fn the_example_mirrors_three_versions_of_two_charts() {
    let repository = original().join("repository");
    let server = FileServer::start(&repository, FileServerOptions::default()).await;
    let registry = Distribution::start(DistributionOptions::default()).await;
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let config = fs::read_to_string(original().join("mirror.yaml")).expect("the example");
    assert!(config.contains(SERVED), "{config}");
    mirror.write("mirror.yaml", config.replace(SERVED, &format!("http://{}", server.host())));
    let sync = || mirror.call(["sync", "mirror.yaml", "-o", "json"]);

    assert_all(&sync().run().await, "copied");
    let mut tags = BTreeMap::new();
    for chart in ["greeter", "schedule"] {
        let folder = mirror.folder().join("destination").join(chart);
        judge_layout(&folder).unwrap();
        tags.insert(chart, layout_tags(&folder));
    }
    let known = server.requests().len();
    assert_all(&sync().run().await, "skipped");
    assert_eq!(asked(&server, known), ["/index.yaml"]);

    let to = format!("oci://{}/charts", registry.host());
    assert_all(&sync().env("CHARTS_TO", &to).run().await, "copied");
    let known = server.requests().len();
    assert_all(&sync().env("CHARTS_TO", &to).run().await, "skipped");
    assert_eq!(asked(&server, known), ["/index.yaml"]);

    // The registry's manifests are the layouts'.
    let client = Client::new(&registry.host());
    for (chart, tags) in tags {
        assert_eq!(tags.len(), 3, "{chart}");
        for (tag, digest) in tags {
            let held = client.resolve(&format!("charts/{chart}"), &tag).await;
            assert_eq!(held, Some(digest), "{chart}:{tag}");
        }
    }
}
