//! A text that is never shown.
//!
//! A [`Secret`] has no `Display` and no `Serialize`, its `Debug` prints nothing of it, and its
//! memory is overwritten when it is dropped. Copies that a parser or a socket made on the way are
//! beyond it.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A password, a token or a key.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` into custody.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Hands the text out, to be sent and not to be kept: every use is to be found by this name.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether it can be the value of a header (RFC 9110, section 5.5): it has no line break, and no
    /// other control character.
    pub fn fits_header(&self) -> bool {
        !self.0.chars().any(|char| char != '\t' && char.is_control())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        Credential, CredentialSource, Credentials, DockerConfig, HostCredential, HostLogin,
        Providers, TokenSource,
    };

    #[track_caller]
    fn check(shown: &impl fmt::Debug) {
        for text in [format!("{shown:?}"), format!("{shown:#?}")] {
            assert!(text.contains("Secret(…)"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let secret = || Secret::new("hunter2".to_owned());
        check(&secret());
        check(&Some(secret()));
        check(&Credential::Bearer(secret()));
        check(&Credential::Basic { username: "me".to_owned(), password: secret() });
        check(&Credential::IdentityToken { username: "me".to_owned(), token: secret() });
        check(&Credential::RegistryToken(secret()));
        let source = TokenSource::Given(CredentialSource::Value(secret()));
        let hosts = HashMap::from([(
            "ghcr.io".parse().unwrap(),
            HostLogin::Credential(HostCredential { username: None, source, envelope: None }),
        )]);
        check(&Credentials::new(hosts, DockerConfig::default(), Providers::none()));
    }

    #[test]
    fn the_text_is_handed_out_unchanged() {
        assert_eq!(Secret::new(" a\n".to_owned()).expose(), " a\n");
    }
}
