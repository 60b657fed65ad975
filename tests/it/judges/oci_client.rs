//! The `oci-client` crate: another implementation of the distribution specification.

use mirror_tests::client::Client as Plain;
use mirror_tests::digest::sha256;
use mirror_tests::layout::layout_tags;
use mirror_tests::sample::{DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX};
use mirror_tests::servers::{Distribution, DistributionOptions, OciRegistry, OciRegistryOptions};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, manifest::OciDescriptor};
use serde_json::Value;

use super::{mirror, samples, sync, written};

fn client() -> Client {
    // One provider for the whole process; another test may have been first.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() })
}

fn at(host: &str, repository: &str, tag: &str) -> Reference {
    Reference::with_tag(host.to_owned(), repository.to_owned(), tag.to_owned())
}

#[tokio::test]
async fn it_pulls_what_we_pushed() {
    let mirror = mirror();
    let registry = written(&mirror).await;
    let client = client();
    let listed = at(&registry.host(), "app", "any");
    let tags = client.list_tags(&listed, &RegistryAuth::Anonymous, None, None).await;
    let mut tags = tags.expect("it lists").tags;
    tags.sort();
    assert_eq!(tags, samples().iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
    for (tag, sample) in samples() {
        let reference = at(&registry.host(), "app", tag);
        let accepted = [IMAGE, INDEX, DOCKER_IMAGE, DOCKER_LIST];
        let pulled =
            client.pull_manifest_raw(&reference, &RegistryAuth::Anonymous, &accepted).await;
        let (bytes, digest) = pulled.expect("it pulls a manifest");
        assert_eq!((&bytes, &digest), (&sample.bytes, &sample.digest()), "{tag}");
        let head = client.fetch_manifest_digest(&reference, &RegistryAuth::Anonymous).await;
        assert_eq!(head.expect("it asks for a digest"), sample.digest(), "{tag}");
        for blob in sample.all_blobs() {
            let descriptor = OciDescriptor {
                digest: sha256(&blob),
                size: i64::try_from(blob.len()).expect("a sample is small"),
                ..OciDescriptor::default()
            };
            let mut pulled = Vec::new();
            let done = client.pull_blob(&reference, &descriptor, &mut pulled).await;
            done.expect("it pulls a blob");
            assert_eq!(pulled, blob, "{tag}");
        }
    }
}

#[tokio::test]
async fn we_mirror_what_it_pushes() {
    let (source, destination) = tokio::join!(
        Distribution::start(DistributionOptions::default()),
        OciRegistry::start(OciRegistryOptions::default()),
    );
    let client = client();
    let layers =
        ["first", "second"].map(|content| ImageLayer::oci_v1(content.as_bytes().to_vec(), None));
    let config = Config::oci_v1(br#"{"architecture":"amd64","os":"linux"}"#.to_vec(), None);
    let reference = at(&source.host(), "pushed", "1.0.0");
    let auth = RegistryAuth::Anonymous;
    client.push(&reference, &layers, config, &auth, None).await.expect("it pushes");
    let digest = client.fetch_manifest_digest(&reference, &auth).await.expect("it is there");

    let mirror = mirror();
    let pushed = format!("{}/pushed", source.host());
    sync(&mirror, &pushed, &format!("{}/copy", destination.host())).await;
    sync(&mirror, &pushed, "oci-layout://copy").await;
    assert_eq!(layout_tags(&mirror.folder().join("copy"))["1.0.0"], digest);
    Plain::new(&destination.host()).judge("copy", "1.0.0").await.expect("it is whole");

    let copy = at(&destination.host(), "copy", "1.0.0");
    let image = client.pull(&copy, &auth, vec![oci_client::manifest::IMAGE_LAYER_MEDIA_TYPE]).await;
    let image = image.expect("it pulls what was mirrored");
    assert_eq!(image.digest.as_deref(), Some(digest.as_str()));
    let mut contents: Vec<&[u8]> = image.layers.iter().map(|layer| &layer.data[..]).collect();
    // They come as they are ready.
    contents.sort_unstable();
    assert_eq!(contents, [&b"first"[..], b"second"]);
    let config: Value = serde_json::from_slice(&image.config.data).expect("a config is JSON");
    assert_eq!(config["os"], "linux");
}
