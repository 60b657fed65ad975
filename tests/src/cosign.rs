//! cosign v3: signs, attests and verifies images with a private Sigstore.
//!
//! What it accepts is what a user would: it is the judge of what was mirrored.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::{Binary, Finished};
use crate::servers::{Identity, Sigstore, program};

/// cosign with a HOME of its own, and nothing of the public Sigstore.
#[derive(Debug)]
pub struct Cosign<'a> {
    sigstore: Option<&'a Sigstore>,
    trusted_root: PathBuf,
    binary: Binary,
}

impl Sigstore {
    /// Returns cosign, which signs with this Sigstore and trusts it alone.
    pub fn cosign(&self) -> Cosign<'_> {
        Cosign { sigstore: Some(self), ..Cosign::trusting(&self.trusted_root()) }
    }
}

impl Cosign<'_> {
    /// Returns cosign with a trusted root; it signs nothing.
    pub fn trusting(trusted_root: &Path) -> Self {
        let binary = Binary::new(program("cosign"));
        Self { sigstore: None, trusted_root: trusted_root.to_owned(), binary }
    }

    /// Returns the program, for its Docker configuration.
    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    /// Signs what `image` stands for (`HOST/REPOSITORY:TAG` or `@DIGEST`): a bundle that is a
    /// referrer, logged by Rekor v2, timed by the timestamp authority.
    pub async fn sign(&self, image: &str, identity: &Identity) {
        let config = self.signs_with().signing_config();
        self.create("sign", &["--signing-config".as_ref(), config.as_os_str()], image, identity)
            .await;
    }

    /// Signs like `sign`, but logged by Rekor v1, and timed by it alone.
    pub async fn sign_in_first_log(&self, image: &str, identity: &Identity) {
        let config = self.signs_with().first_log_config();
        self.create("sign", &["--signing-config".as_ref(), config.as_os_str()], image, identity)
            .await;
    }

    /// Signs in cosign's older way: a tag `sha256-….sig`, logged by Rekor v1.
    pub async fn sign_by_tag(&self, image: &str, identity: &Identity) {
        let fulcio = format!("--fulcio-url={}", self.signs_with().fulcio());
        let log = format!("--rekor-url={}", self.signs_with().first_log());
        let flags = ["--use-signing-config=false", "--new-bundle-format=false", &fulcio, &log];
        self.create("sign", &flags.map(AsRef::as_ref), image, identity).await;
    }

    /// Attests `predicate` of that type about an image, by a bundle as `sign` makes it.
    pub async fn attest(&self, image: &str, kind: &str, predicate: &Value, identity: &Identity) {
        let config = self.signs_with().signing_config();
        let file = self.binary.write("predicate.json", predicate.to_string());
        let flags = [
            "--type".as_ref(),
            kind.as_ref(),
            "--predicate".as_ref(),
            file.as_os_str(),
            "--signing-config".as_ref(),
            config.as_os_str(),
        ];
        self.create("attest", &flags, image, identity).await;
    }

    /// Asks whether an image has a signature of that identity: exit code 0 where it has.
    pub async fn verify(&self, image: &str, identity: &Identity) -> Finished {
        self.ask("verify", &[], image, identity).await
    }

    /// Asks the same of the older tags.
    pub async fn verify_by_tag(&self, image: &str, identity: &Identity) -> Finished {
        self.ask("verify", &["--new-bundle-format=false"], image, identity).await
    }

    /// Asks whether an image has an attestation of that type by that identity.
    pub async fn verify_attestation(
        &self,
        image: &str,
        kind: &str,
        identity: &Identity,
    ) -> Finished {
        self.ask("verify-attestation", &["--type", kind], image, identity).await
    }

    fn signs_with(&self) -> &Sigstore {
        self.sigstore.expect("who signs has a Sigstore, not its trusted root alone")
    }

    async fn create(
        &self,
        command: &str,
        flags: &[&std::ffi::OsStr],
        image: &str,
        identity: &Identity,
    ) {
        let token = self.signs_with().token(identity).await;
        let mut call = self.binary.call([command, "--yes", "--allow-http-registry"]);
        for flag in flags {
            call = call.arg(flag);
        }
        let call = call.arg("--trusted-root").arg(&self.trusted_root);
        let done = call.arg("--identity-token").arg(token).arg(image).run().await;
        done.assert_code(0);
    }

    async fn ask(
        &self,
        command: &str,
        flags: &[&str],
        image: &str,
        identity: &Identity,
    ) -> Finished {
        let mut call = self.binary.call([command, "--allow-http-registry"]);
        for flag in flags {
            call = call.arg(flag);
        }
        call.arg("--trusted-root")
            .arg(&self.trusted_root)
            .arg(format!("--certificate-identity={}", identity.subject))
            .arg(format!("--certificate-oidc-issuer={}", identity.issuer))
            .arg(image)
            .run()
            .await
    }
}
