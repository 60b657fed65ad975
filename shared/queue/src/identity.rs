//! Who we are to NATS: a credentials file or an nkey's seed, read anew at each connection.
//!
//! A file that was replaced while connected is used from the next connection on.

use std::path::{Path, PathBuf};

use async_nats::{Auth, AuthError};
use nkeys::KeyPair;

use crate::QueueError;

/// More bytes than a credentials file has: a JWT of a user is a few kilobytes.
const MOST_BYTES: u64 = 256 * 1024;

/// Where our identity is read from.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// A credentials file: a JWT, and the seed of its nkey.
    Creds(PathBuf),
    /// A file with an nkey's seed.
    Nkey(PathBuf),
}

impl Identity {
    /// Reads the files once, so that what is wrong with them is said at the start.
    pub(crate) async fn check(&self) -> Result<(), QueueError> {
        self.sign(b"").await.map(drop)
    }

    /// Answers the server's challenge.
    pub(crate) async fn answer(self, nonce: Vec<u8>) -> Result<Auth, AuthError> {
        self.sign(&nonce).await.map_err(AuthError::new)
    }

    async fn sign(&self, nonce: &[u8]) -> Result<Auth, QueueError> {
        let mut auth = Auth::new();
        match self {
            Self::Anonymous => {}
            Self::Creds(path) => {
                let text = read(path).await?;
                let mut parts = armoured(&text);
                let jwt = parts.next().ok_or_else(|| no(path, "it has no JWT"))?;
                let seed = parts.next().ok_or_else(|| no(path, "it has no nkey seed"))?;
                auth.signature = Some(signature(path, seed, nonce)?.1);
                auth.jwt = Some(jwt.to_owned());
            }
            Self::Nkey(path) => {
                let text = read(path).await?;
                let seed = text.lines().map(str::trim).find(|line| line.starts_with('S'));
                let seed = seed.ok_or_else(|| no(path, "it has no nkey seed"))?;
                let (public, signed) = signature(path, seed, nonce)?;
                auth.nkey = Some(public);
                auth.signature = Some(signed);
            }
        }
        Ok(auth)
    }
}

fn signature(path: &Path, seed: &str, nonce: &[u8]) -> Result<(String, Vec<u8>), QueueError> {
    let pair = KeyPair::from_seed(seed).map_err(|error| no(path, &error.to_string()))?;
    let signed = pair.sign(nonce).map_err(|error| no(path, &error.to_string()))?;
    Ok((pair.public_key(), signed))
}

/// Returns the first line behind each `-----BEGIN …-----`.
fn armoured(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    std::iter::from_fn(move || {
        lines.by_ref().find(|line| line.starts_with("-----BEGIN "))?;
        lines.next()
    })
}

async fn read(path: &Path) -> Result<String, QueueError> {
    let cannot = |error: std::io::Error| no(path, &error.to_string());
    let size = tokio::fs::metadata(path).await.map_err(cannot)?.len();
    if size > MOST_BYTES {
        return Err(no(path, "it is too long to hold credentials"));
    }
    tokio::fs::read_to_string(path).await.map_err(cannot)
}

fn no(path: &Path, reason: &str) -> QueueError {
    QueueError::File { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_kind_of_file_answers_the_challenge() {
        let folder = tempfile::TempDir::new().unwrap();
        let pair = KeyPair::new_user();
        let seed = pair.seed().unwrap();
        let nkey = folder.path().join("user.nk");
        std::fs::write(&nkey, format!("{seed}\n{}\n", pair.public_key())).unwrap();
        let auth = Identity::Nkey(nkey).answer(b"nonce".to_vec()).await.unwrap();
        assert_eq!(auth.nkey, Some(pair.public_key()));
        pair.verify(b"nonce", &auth.signature.unwrap()).unwrap();

        let creds = folder.path().join("user.creds");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n\n*** IMPORTANT\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        std::fs::write(&creds, text).unwrap();
        let auth = Identity::Creds(creds).answer(b"nonce".to_vec()).await.unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("eyJ0"));
        pair.verify(b"nonce", &auth.signature.unwrap()).unwrap();
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("user.nk");
        let missing = Identity::Nkey(path.clone()).check().await.unwrap_err().to_string();
        assert!(missing.contains("user.nk"), "{missing}");
        std::fs::write(&path, "SECRETSECRET").unwrap();
        let broken = Identity::Nkey(path).check().await.unwrap_err().to_string();
        assert!(!broken.contains("SECRETSECRET"), "{broken}");
    }
}
