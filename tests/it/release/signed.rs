//! `SHA256SUMS` as the release's workflow signs it, and as its README has it verified: by the real cosign, at a
//! private Sigstore, whose issuer and root stand in for GitHub's and the public-good one.

use std::process::Command;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::servers::{Identity, Sigstore, program};
use tempfile::TempDir;

use super::{checkout, package, said, stand_in, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Who verifies by the README takes this for the issuer of GitHub's workflows.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Finishes a folder of one archive, signed by somebody.
async fn finish(sigstore: &Sigstore, release: &TempDir, who: &Identity) {
    let (_folder, stand_in) = stand_in(VERSION);
    package(&stand_in, "amd64", release.path());
    let tools = Binary::new("/usr/bin/env");
    // What a runner knows by itself: where to sign, and who it is.
    let script = format!(
        "#!/bin/sh\ncommand=$1; shift\nHOME='{}' exec '{}' \"$command\" --signing-config '{}' \
         --trusted-root '{}' --identity-token '{}' \"$@\"\n",
        tools.folder().display(),
        program("cosign").display(),
        sigstore.signing_config().display(),
        sigstore.trusted_root().display(),
        sigstore.token(who).await
    );
    let cosign = tools.write_program("cosign", &script);
    let mut script = Command::new("sh");
    script.args(["-c", "PATH=\"$1:$PATH\" SIGN=true exec \"$2\" \"$3\"", "sh"]);
    script.arg(cosign.parent().expect("a folder")).arg(checkout("deploy/release/finish.sh"));
    said(&script.arg(release.path()).output().expect("sh runs"));
}

/// Verifies as the README says, but that issuer and root are the private ones.
async fn verify(sigstore: &Sigstore, release: &TempDir, who: &Identity) -> Finished {
    let readme = text(&checkout("deploy/release/README.md"));
    let begin = readme.find("cosign verify-blob").expect("it says how");
    let end = begin + readme[begin..].find("\ngh ").expect("what follows");
    let line = readme[begin..end].replace(ISSUER, &who.issuer);
    assert!(line.contains(&who.issuer), "{line}");
    let root = sigstore.trusted_root();
    let line = line.replacen(
        "verify-blob",
        &format!("verify-blob --trusted-root '{}'", root.display()),
        1,
    );
    let tools = Binary::new("/bin/sh");
    let path = format!("{}:/usr/bin:/bin", program("cosign").parent().expect("a folder").display());
    let script = format!("cd '{}'\n{line}", release.path().display());
    tools.call(["-euc", &script]).env("PATH", path).run().await
}

#[tokio::test]
async fn what_the_workflow_of_a_tag_has_signed_is_verified_as_the_readme_says() {
    let sigstore = Sigstore::shared().await;
    let workflow =
        |file: &str, reference: &str| sigstore.workflow("fluxcd/flux-mirror", file, reference);
    let release = TempDir::new().unwrap();
    let by_tag = workflow("release.yaml", "refs/tags/v0.1.0");
    finish(sigstore, &release, &by_tag).await;
    verify(sigstore, &release, &by_tag).await.assert_code(0);

    // A sum that is not the one that was signed.
    let sums = text(&release.path().join("SHA256SUMS"));
    std::fs::write(release.path().join("SHA256SUMS"), sums.replace('0', "1")).unwrap();
    assert_ne!(verify(sigstore, &release, &by_tag).await.code(), Some(0));

    // Another workflow of the repository, and a branch's.
    for who in [workflow("ci.yaml", "refs/tags/v0.1.0"), workflow("release.yaml", "refs/heads/v1")]
    {
        finish(sigstore, &release, &who).await;
        let done = verify(sigstore, &release, &who).await;
        assert_ne!(done.code(), Some(0));
        assert!(done.stderr.contains("no matching CertificateIdentity found"), "{done}");
    }
}
