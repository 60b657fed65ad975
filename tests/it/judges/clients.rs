//! oras and regctl.

use mirror_tests::binary::Binary;
use mirror_tests::layout::{judge_layout, layout_tags};
use mirror_tests::sample::Sample;
use mirror_tests::servers::{Distribution, DistributionOptions};
use mirror_tests::tools::tool;

use super::{mirror, reads, samples, written, written_layout};

pub(super) fn built(name: &str) -> Binary {
    tool(name).unwrap_or_else(|| panic!("{name} was not built"))
}

fn tags(samples: &[(&'static str, Sample)]) -> Vec<(&'static str, Sample)> {
    samples.to_vec()
}

#[tokio::test]
async fn oras_sees_the_digests_that_we_pushed() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let oras = built("oras");
    for (tag, sample) in samples() {
        let reference = format!("{}/app:{tag}", registry.host());
        let digest = oras.says(["resolve", "--plain-http", &reference]).await;
        assert_eq!(digest, sample.digest(), "{tag}");
        // A copy goes through all of it.
        oras.says([
            "copy",
            "--from-plain-http",
            "--to-oci-layout",
            &reference,
            &format!("out:{tag}"),
        ])
        .await;
    }
    let out = oras.folder().join("out");
    judge_layout(&out).expect("what oras copied is whole");
    assert_eq!(layout_tags(&out), layout_tags(&mirror.folder().join("source")));
}

#[tokio::test]
async fn oras_reads_the_layout_that_we_wrote() {
    let mirror = mirror();
    let layout = written_layout(&mirror).await;
    let registry = Distribution::start(DistributionOptions::default()).await;
    let oras = built("oras");
    for (tag, sample) in samples() {
        let reference = format!("{}:{tag}", layout.display());
        assert_eq!(
            oras.says(["resolve", "--oci-layout", &reference]).await,
            sample.digest(),
            "{tag}"
        );
        let to = format!("{}/app:{tag}", registry.host());
        oras.says(["copy", "--from-oci-layout", &reference, "--to-plain-http", &to]).await;
        mirror_tests::client::Client::new(&registry.host()).assert_holds("app", tag, &sample).await;
    }
}

#[tokio::test]
async fn we_read_the_layouts_that_oras_writes() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let oras = built("oras");
    let layout = mirror.folder().join("by-oras");
    for (tag, _) in samples() {
        let from = format!("{}/app:{tag}", registry.host());
        let to = format!("{}:{tag}", layout.display());
        oras.says(["copy", "--from-plain-http", &from, "--to-oci-layout", &to]).await;
    }
    let samples = tags(&samples());
    let tags: Vec<(&str, &Sample)> = samples.iter().map(|(tag, sample)| (*tag, sample)).collect();
    reads(&mirror, &layout, &tags).await;
}

#[tokio::test]
async fn oras_adds_to_the_layout_that_we_wrote_and_we_add_to_its() {
    let mirror = mirror();
    let layout = written_layout(&mirror).await;
    let oras = built("oras");
    let tagged = format!("{}:image", layout.display());
    oras.says(["tag", "--oci-layout", &tagged, "by-oras"]).await;
    judge_layout(&layout).expect("the layout is whole");
    let found = layout_tags(&layout);
    assert_eq!(found["by-oras"], found["image"]);
    super::sync(&mirror, "oci-layout://source", "oci-layout://written").await;
    assert_eq!(layout_tags(&layout), found);
}

#[tokio::test]
async fn regctl_sees_the_digests_that_we_pushed_and_wrote() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let layout = written_layout(&mirror).await;
    let regctl = built("regctl");
    regctl.says(["registry", "set", &registry.host(), "--tls", "disabled"]).await;
    for (tag, sample) in samples() {
        let remote = format!("{}/app:{tag}", registry.host());
        assert_eq!(regctl.says(["image", "digest", &remote]).await, sample.digest(), "{tag}");
        let local = format!("ocidir://{}:{tag}", layout.display());
        assert_eq!(regctl.says(["image", "digest", &local]).await, sample.digest(), "{tag}");
    }
    let list = regctl.says(["tag", "ls", &format!("ocidir://{}", layout.display())]).await;
    let mut found: Vec<&str> = list.lines().collect();
    found.sort_unstable();
    assert_eq!(found, samples().iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
}

#[tokio::test]
async fn we_read_the_layouts_that_regctl_writes() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let regctl = built("regctl");
    regctl.says(["registry", "set", &registry.host(), "--tls", "disabled"]).await;
    let layout = mirror.folder().join("by-regctl");
    for (tag, _) in samples() {
        let from = format!("{}/app:{tag}", registry.host());
        let to = format!("ocidir://{}:{tag}", layout.display());
        regctl.says(["image", "copy", &from, &to]).await;
    }
    let samples = tags(&samples());
    let tags: Vec<(&str, &Sample)> = samples.iter().map(|(tag, sample)| (*tag, sample)).collect();
    reads(&mirror, &layout, &tags).await;
}
