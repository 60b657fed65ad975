//! crane, of go-containerregistry.

use mirror_tests::client::Client;
use mirror_tests::layout::{judge_layout, layout_tags};
use mirror_tests::sample::{Sample, image, two_platforms};
use mirror_tests::servers::{Distribution, DistributionOptions};
use mirror_tests::tools::crane;

use super::{mirror, reads, samples, sync, written, written_layout};

#[tokio::test]
async fn it_sees_the_digests_that_we_pushed_and_validates_the_images() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let crane = crane();
    let list = crane.says(["ls", &format!("{}/app", registry.host())]).await;
    let mut tags: Vec<&str> = list.lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, samples().iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
    for (tag, sample) in samples() {
        let reference = format!("{}/app:{tag}", registry.host());
        assert_eq!(crane.says(["digest", &reference]).await, sample.digest(), "{tag}");
        let manifest = crane.call(["manifest", &reference]).run().await;
        assert_eq!(manifest.stdout.as_bytes(), &sample.bytes[..], "{tag}");
    }
    // It looks into layers, which have to be archives; of those without one it copies the bytes.
    let copy = format!("{}/by-crane:index", registry.host());
    crane.says(["copy", &format!("{}/app:index", registry.host()), &copy]).await;
    let client = Client::new(&registry.host());
    client.assert_holds("by-crane", "index", &two_platforms("index")).await;
}

#[tokio::test]
async fn we_mirror_what_it_pushes() {
    let registry = Distribution::start(DistributionOptions::default()).await;
    let mirror = mirror();
    let crane = crane();
    // An image that crane makes itself: a layer on top of one of ours.
    let (base, made) =
        (format!("{}/app:image", registry.host()), format!("{}/made:1.0.0", registry.host()));
    sync(&mirror, "oci-layout://source", &format!("{}/app", registry.host())).await;
    crane.write("content/file", "hello");
    let tar = std::process::Command::new("tar")
        .args(["-cf", "layer.tar", "-C", "content", "file"])
        .current_dir(crane.folder())
        .status();
    assert!(tar.expect("tar runs").success());
    crane.says(["append", "-b", &base, "-f", "layer.tar", "-t", &made]).await;
    let digest = crane.says(["digest", &made]).await;
    sync(&mirror, &format!("{}/made", registry.host()), "oci-layout://made").await;
    assert_eq!(layout_tags(&mirror.folder().join("made"))["1.0.0"], digest);
    judge_layout(&mirror.folder().join("made")).expect("the layout is whole");
    let mirrored = format!("{}/mirrored", registry.host());
    sync(&mirror, "oci-layout://made", &mirrored).await;
    assert_eq!(crane.says(["digest", &format!("{mirrored}:1.0.0")]).await, digest);
}

#[tokio::test]
async fn it_reads_the_layout_that_we_wrote() {
    let mirror = mirror();
    let layout = written_layout(&mirror).await;
    let registry = Distribution::start(DistributionOptions::default()).await;
    let crane = crane();
    let reference = format!("{}/pushed:all", registry.host());
    crane.says(["push".as_ref(), "--index".as_ref(), layout.as_os_str(), reference.as_ref()]).await;
    let whole = Client::new(&registry.host()).judge("pushed", "all").await.expect("it is whole");
    for (tag, sample) in samples() {
        assert!(whole.manifests.contains(&sample.digest()), "{tag}");
    }
}

#[tokio::test]
async fn we_read_the_layouts_that_it_writes() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let crane = crane();
    let layout = mirror.folder().join("pulled");
    let tags: [(&str, &Sample); 2] =
        [("image", &image("image")), ("index", &two_platforms("index"))];
    for (tag, _) in tags {
        let reference = format!("{}/app:{tag}", registry.host());
        let flags = ["pull", "--format=oci", "--annotate-ref", &reference];
        crane.call(flags).arg(&layout).run().await.assert_code(0);
    }
    reads(&mirror, &layout, &tags).await;
}
