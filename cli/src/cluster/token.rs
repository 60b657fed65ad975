//! The bearer tokens of a kubeconfig: a value, or a file; checked before kube makes a header of them, which
//! panics where it cannot.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use http::HeaderValue;
use kube::config::AuthInfo;
use mirror_credentials::MAX_SECRET_BYTES;
use secrecy::{ExposeSecret as _, SecretString};

use super::credentials;
use crate::failure::Failed;

/// Finds the token of `auth`, if it has one; a file goes before a value.
pub(super) fn find(auth: &mut AuthInfo) -> Result<(), Failed> {
    let value = auth.token.take();
    // An empty value is none, as to kubectl.
    let value = value.filter(|token| !token.expose_secret().is_empty());
    auth.token = match (auth.token_file.take(), value) {
        (Some(file), _) => Some(of_file(Path::new(&file))?),
        (None, Some(value)) => Some(checked(value.expose_secret(), "the token")?),
        (None, None) => None,
    };
    Ok(())
}

/// Returns a token that can stand in a header; `place` says where it comes from.
pub(super) fn checked(token: &str, place: &str) -> Result<SecretString, Failed> {
    if token.is_empty() {
        return Err(credentials(&format!("{place} is empty")));
    }
    if HeaderValue::from_bytes(token.as_bytes()).is_err() {
        let broken = "holds a line break or another control character";
        return Err(credentials(&format!("{place} {broken}")));
    }
    Ok(token.to_owned().into())
}

/// Reads a token without the white space around it, as kubectl does and kube does not.
fn of_file(path: &Path) -> Result<SecretString, Failed> {
    let mut text = zeroize::Zeroizing::new(String::new());
    let limit = MAX_SECRET_BYTES as u64;
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    let file = path.display().to_string();
    let read = read.map_err(|error| credentials(&format!("cannot read {file}: {error}")))?;
    if read as u64 > limit {
        let long = format!("{file} is longer than {limit} bytes, and so no token");
        return Err(credentials(&long));
    }
    checked(text.trim(), &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(token: &str, expected: Result<(), &str>) {
        let said = checked(token, "the token").map(|_| ()).map_err(|error| error.text());
        let expected =
            expected.map_err(|why| format!("the kubeconfig's credentials: the token {why}"));
        assert_eq!(said, expected, "{token:?}");
    }

    #[test]
    fn a_token_must_be_what_a_header_can_hold() {
        let broken = Err("holds a line break or another control character");
        check("eyJhbGciOi.J9-_~+/=", Ok(()));
        check("a b\tü", Ok(()));
        for token in ["a\nb", "a\n", "\r", "a\0", "\u{7f}"] {
            check(token, broken);
        }
        check("", Err("is empty"));
    }

    #[test]
    fn an_empty_value_is_none() {
        let mut auth = AuthInfo { token: Some(String::new().into()), ..AuthInfo::default() };
        find(&mut auth).unwrap();
        assert!(auth.token.is_none());
    }
}
