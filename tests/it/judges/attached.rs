//! oras and regctl: what they see attached in a layout is what we list.

use std::path::Path;

use mirror_layout::Layout;
use mirror_oci::{Digest, LayoutPath, Manifest};
use mirror_tests::binary::Binary;
use mirror_tests::layout::{judge_layout, write_layout};
use mirror_tests::sample::{Sample, image, referrer};
use serde_json::Value;

use super::clients::built;

/// What is attached: artifact type, digest, the annotation `k`.
type Seen = Vec<(String, String, String)>;

const KEY: &str = "k";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Reads a list of descriptors, in the order of their digests.
fn seen(descriptors: &Value) -> Seen {
    let one = |it: &Value| {
        (text(&it["artifactType"]), text(&it["digest"]), text(&it["annotations"][KEY]))
    };
    let mut seen: Seen = descriptors.as_array().into_iter().flatten().map(one).collect();
    seen.sort_by(|one, another| one.1.cmp(&another.1));
    seen
}

async fn by_oras(oras: &Binary, reference: &str) -> Seen {
    let json = ["discover", "--oci-layout", "--format", "json", "--depth", "1", reference];
    let found: Value = serde_json::from_str(&oras.says(json).await).expect("oras prints JSON");
    seen(&found["referrers"])
}

async fn by_regctl(regctl: &Binary, reference: &str) -> Seen {
    let reference = format!("ocidir://{reference}");
    let list = ["artifact", "list", "--format", "{{json .}}", &reference];
    let found: Value = serde_json::from_str(&regctl.says(list).await).expect("regctl prints JSON");
    seen(&found["descriptors"])
}

async fn by_us(layout: &Path, subject: &str) -> Seen {
    let layout = Layout::at(&LayoutPath::new(layout.to_owned()));
    let subject: Digest = subject.parse().expect("a digest");
    let found = layout.referrers(&subject).await.expect("a list");
    let one = |it: mirror_oci::Referrer| {
        let artifact_type = it.descriptor.artifact_type.unwrap_or_default();
        let annotation = it.annotations.get(KEY).cloned().unwrap_or_default();
        (artifact_type, it.descriptor.digest.to_string(), annotation)
    };
    let mut seen: Seen = found.into_iter().map(one).collect();
    seen.sort_by(|one, another| one.1.cmp(&another.1));
    seen
}

/// A layout with one image, and oras and regctl with a file to attach.
fn begin() -> (Binary, Binary, std::path::PathBuf, Sample) {
    let (oras, regctl) = (built("oras"), built("regctl"));
    let subject = image("app");
    let layout = oras.folder().join("layout");
    write_layout(&layout, &[("v1", &subject)]);
    for tool in [&oras, &regctl] {
        tool.write("file.txt", "content");
    }
    (oras, regctl, layout, subject)
}

async fn attach_by_oras(oras: &Binary, kind: &str, reference: &str) {
    let kind = format!("application/vnd.test.{kind}");
    let attach = ["attach", "--oci-layout", "--artifact-type", &kind, "--annotation", "k=oras"];
    oras.says(attach.into_iter().chain([reference, "file.txt"])).await;
}

async fn attach_by_regctl(regctl: &Binary, kind: &str, reference: &str) {
    let (kind, subject) = (format!("application/vnd.test.{kind}"), format!("ocidir://{reference}"));
    let file = regctl.folder().join("file.txt").display().to_string();
    let put = ["artifact", "put", "--subject", &subject, "--artifact-type", &kind];
    regctl.says(put.into_iter().chain(["--annotation", "k=regctl", "-f", &file])).await;
}

#[tokio::test]
async fn we_list_what_oras_and_regctl_attach() {
    let (oras, regctl, layout, subject) = begin();
    let reference = format!("{}:v1", layout.display());
    assert_eq!(by_us(&layout, &subject.digest()).await, []);
    attach_by_oras(&oras, "by-oras", &reference).await;
    attach_by_regctl(&regctl, "by-regctl", &reference).await;
    attach_by_oras(&oras, "again-by-oras", &reference).await;

    let ours = by_us(&layout, &subject.digest()).await;
    assert_eq!(ours.len(), 3, "{ours:?}");
    assert_eq!(ours, by_oras(&oras, &reference).await);
    let theirs = by_regctl(&regctl, &reference).await;
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    assert!(theirs.iter().all(|one| ours.contains(one)), "{theirs:?}");

    // One hangs on another.
    let digest = &ours.iter().find(|one| one.2 == "oras").expect("one by oras").1;
    let deeper = format!("{}@{digest}", layout.display());
    attach_by_oras(&oras, "deeper", &deeper).await;
    let ours = by_us(&layout, digest).await;
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!(ours, by_oras(&oras, &deeper).await);
}

#[tokio::test]
async fn we_list_what_regctl_copies_with_its_referrers() {
    let (oras, regctl, layout, subject) = begin();
    let reference = format!("{}:v1", layout.display());
    attach_by_regctl(&regctl, "one", &reference).await;
    attach_by_regctl(&regctl, "two", &reference).await;
    let copy = oras.folder().join("copy");
    let (from, to) = (format!("ocidir://{reference}"), format!("ocidir://{}:v1", copy.display()));
    regctl.says(["image", "copy", "--referrers", &from, &to]).await;
    let reference = format!("{}:v1", copy.display());
    let ours = by_us(&copy, &subject.digest()).await;
    assert_eq!(ours.len(), 2, "{ours:?}");
    assert_eq!(ours, by_regctl(&regctl, &reference).await);
    assert_eq!(ours, by_oras(&oras, &reference).await);
}

#[tokio::test]
async fn oras_sees_what_we_attach() {
    let (oras, _, folder, subject) = begin();
    let reference = format!("{}:v1", folder.display());
    let layout = Layout::at(&LayoutPath::new(folder.clone()));
    let parse = |sample: &Sample| {
        let digest = sample.digest().parse().expect("a digest");
        Manifest::parse(digest, sample.bytes.clone(), None).expect("a manifest")
    };
    let signature = referrer("application/vnd.test.signature", &subject, "signature");
    let timestamp = referrer("application/vnd.test.timestamp", &signature, "timestamp");
    for one in [&signature, &timestamp] {
        for blob in one.all_blobs() {
            let path = folder.join("blobs/sha256").join(&mirror_tests::digest::sha256(&blob)[7..]);
            std::fs::write(path, &blob).expect("a blob can be written");
        }
        layout.attach(&parse(one)).await.expect("it is attached");
    }
    attach_by_oras(&oras, "by-oras", &reference).await;
    let ours = by_us(&folder, &subject.digest()).await;
    assert_eq!(ours.len(), 2, "{ours:?}");
    assert_eq!(ours, by_oras(&oras, &reference).await);
    let deeper = format!("{}@{}", folder.display(), signature.digest());
    let ours = by_us(&folder, &signature.digest()).await;
    assert_eq!(ours.iter().map(|one| &one.1).collect::<Vec<_>>(), [&timestamp.digest()]);
    assert_eq!(ours, by_oras(&oras, &deeper).await);
    judge_layout(&folder).expect("the layout is whole");
    // It goes on from what we wrote, and takes all of it along.
    let copy = format!("{}:v1", oras.folder().join("copy").display());
    oras.says(["copy", "-r", "--from-oci-layout", &reference, "--to-oci-layout", &copy]).await;
    assert_eq!(by_oras(&oras, &copy).await.len(), 2);
}
