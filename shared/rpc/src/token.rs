//! Bearer tokens in files.
//!
//! A file holds one token, or several, one a line: a coordinator accepts each, a client sends the first.
//! So a token is changed without a gap: the new one is put first on both sides, and the old one taken
//! away later. The file is read again, at most once a second, and its last good content stays when it
//! cannot be read. Tokens are never printed, and are wiped from memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tracing::warn;
use zeroize::Zeroizing;

use crate::limits::{MAX_TOKEN_BYTES, TOKEN_AGE};
use crate::{RpcError, file};

/// The tokens of a file.
pub(crate) type Tokens = Arc<Vec<Zeroizing<String>>>;

/// A file of tokens; cheap to clone.
#[derive(Clone)]
pub(crate) struct TokenFile {
    path: Arc<Path>,
    held: Arc<Mutex<Held>>,
}

struct Held {
    tokens: Tokens,
    read: Instant,
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TokenFile {
    /// Reads the file.
    pub(crate) fn open(path: PathBuf) -> Result<Self, RpcError> {
        let held = Held { tokens: load(&path)?, read: Instant::now() };
        Ok(Self { path: path.into(), held: Arc::new(Mutex::new(held)) })
    }

    /// Returns where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file now.
    pub(crate) fn reload(&self) -> Result<(), RpcError> {
        let tokens = load(&self.path)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Held { tokens, read: Instant::now() };
        Ok(())
    }

    /// Returns the tokens, a second old at most; older ones when the file cannot be read.
    pub(crate) fn tokens(&self) -> Tokens {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.read.elapsed() >= TOKEN_AGE {
            held.read = Instant::now();
            match load(&self.path) {
                Ok(tokens) => held.tokens = tokens,
                Err(error) => {
                    warn!(%error, "the token file cannot be read again, the last token stays");
                }
            }
        }
        Arc::clone(&held.tokens)
    }

    /// Returns whether `given` is one of the tokens, in a time that tells nothing about them.
    pub(crate) fn accepts(&self, given: &str) -> bool {
        let given = Sha256::digest(given);
        let mut found = false;
        for token in self.tokens().iter() {
            // What is compared are digests: neither a length nor a common start shows in the time.
            let own = Sha256::digest(token.as_bytes());
            let difference = own.iter().zip(&given).fold(0, |all, (a, b)| all | (a ^ b));
            found |= difference == 0;
        }
        found
    }
}

fn load(path: &Path) -> Result<Tokens, RpcError> {
    let bytes = file::read(path, "the token file", MAX_TOKEN_BYTES)?;
    let refused = |reason| RpcError::Token { path: path.to_owned(), reason };
    let text = str::from_utf8(&bytes).map_err(|_not_text| refused("holds no text"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<_> = lines.map(|line| Zeroizing::new(line.to_owned())).collect();
    if tokens.is_empty() {
        return Err(refused("is empty"));
    }
    if !tokens.iter().all(|token| token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(refused("holds a line that is no token: letters, digits and signs alone"));
    }
    Ok(Arc::new(tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: Result<&[&str], &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, content).unwrap();
        match (load(&path), expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<&str> = found.iter().map(|token| token.as_str()).collect();
                assert_eq!(found, expected, "{content:?}");
            }
            (Err(error), Err(expected)) => {
                assert_eq!(error.to_string(), format!("{} {expected}", path.display()));
            }
            (found, _) => panic!("{content:?}: {:?}", found.map(|tokens| tokens.len())),
        }
    }

    #[test]
    fn a_file_holds_a_token_a_line() {
        check("abc", Ok(&["abc"]));
        check(" abc \r\n", Ok(&["abc"]));
        check("new\n\nold\n", Ok(&["new", "old"]));
        check("", Err("is empty"));
        check(" \n", Err("is empty"));
        let no_token = "holds a line that is no token: letters, digits and signs alone";
        check("a b", Err(no_token));
        check("ä", Err(no_token));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_changed_is_known_a_second_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "old").unwrap();
        let file = TokenFile::open(path.clone()).unwrap();
        std::fs::write(&path, "new").unwrap();
        assert!(file.accepts("old") && !file.accepts("new"));
        tokio::time::advance(TOKEN_AGE).await;
        assert!(file.accepts("new") && !file.accepts("old") && !file.accepts("ne"));
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(TOKEN_AGE).await;
        assert!(file.accepts("new"), "a file that is gone takes nothing back");
        assert!(!format!("{file:?}").contains("new"));
    }
}
