//! skopeo, which is not ours to build: where it is not installed, the tests say so and end.

use mirror_tests::binary::Binary;
use mirror_tests::digest::sha256;
use mirror_tests::tools::tool;

use super::{mirror, samples, written, written_layout};

#[expect(clippy::print_stderr, reason = "whoever reads why a test says little, reads it here")]
fn skopeo() -> Option<Binary> {
    let found = tool("skopeo");
    if found.is_none() {
        eprintln!("skopeo is not installed: what it says is not known");
    }
    found
}

#[tokio::test]
async fn it_sees_the_manifests_that_we_pushed_and_wrote() {
    let Some(skopeo) = skopeo() else { return };
    let mirror = mirror();
    let registry = written(&mirror).await;
    let layout = written_layout(&mirror).await;
    for (tag, sample) in samples() {
        for flags in [
            vec![
                "--tls-verify=false".to_owned(),
                format!("docker://{}/app:{tag}", registry.host()),
            ],
            vec![format!("oci:{}:{tag}", layout.display())],
        ] {
            let arguments = ["inspect".to_owned(), "--raw".to_owned()].into_iter().chain(flags);
            let done = skopeo.call(arguments).run().await;
            done.assert_code(0);
            assert_eq!(sha256(done.stdout.as_bytes()), sample.digest(), "{tag}");
        }
    }
}
