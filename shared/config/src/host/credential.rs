//! Credentials of hosts: exactly one source, and only what belongs to it.

use std::fmt;
use std::time::Duration;

use mirror_credentials::CredentialSource;
use mirror_model::GoDuration;

use super::draft::CredentialDraft;
use super::{Judge, given, given_secret};

/// What a config says of a host's password or token.
#[derive(Clone, Debug)]
pub struct CredentialSpec {
    /// The user whose password it is; a bearer token where there is none.
    pub username: Option<String>,
    /// Where it comes from.
    pub source: TokenSource,
    /// The template over it that is sent in its place (v1beta2).
    pub envelope: Option<String>,
}

/// Where a password or token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// It is given as it is.
    Given(CredentialSource),
    /// It is signed with a JWK.
    Signed {
        /// The private JWK.
        key: CredentialSource,
        /// The claim `iss`.
        issuer: String,
        /// The claim `sub`.
        subject: String,
        /// The claim `aud`; by default the host.
        audiences: Vec<String>,
        /// How long a token lives; without it 60 s, and each request has its own.
        lifetime: Option<Duration>,
    },
    /// A provider of identities issues it.
    Issued {
        /// The provider.
        provider: TokenProvider,
        /// Whom it is for; by default the host.
        audiences: Vec<String>,
    },
}

/// A provider of identity tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenProvider {
    /// GitHub Actions.
    GitHub,
    /// Forgejo Actions.
    Forgejo,
    /// Google Cloud.
    Gcp,
    /// Microsoft Entra.
    Azure,
    /// AWS: a signed question to its STS.
    Aws,
    /// The SPIFFE Workload API: `jwt-svid`, in v1beta2 `spiffe`.
    Spiffe,
}

impl TokenProvider {
    const ALL: [Self; 6] =
        [Self::GitHub, Self::Forgejo, Self::Gcp, Self::Azure, Self::Aws, Self::Spiffe];

    /// Returns the provider as v1beta1 writes it.
    pub fn as_str(self) -> &'static str {
        self.word("jwt-svid")
    }

    fn word(self, spiffe: &'static str) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Forgejo => "forgejo",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::Aws => "aws",
            Self::Spiffe => spiffe,
        }
    }
}

impl fmt::Display for TokenProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What only some sources go with.
struct Claims {
    issuer: Option<String>,
    subject: Option<String>,
    audiences: Vec<String>,
    expiration: Option<String>,
}

impl Judge<'_> {
    /// Judges a credential; `audience` is the default for whom its tokens are.
    pub(super) fn credential(
        &mut self,
        path: &str,
        audience: &str,
        username: Option<String>,
        draft: CredentialDraft,
    ) -> Option<CredentialSpec> {
        let provider = given(draft.provider);
        let (value, from_path) = (given_secret(draft.value), given(draft.from_path));
        let (jwk_path, jwk_value) = (given(draft.jwk_path), given_secret(draft.jwk_value));
        let claims = Claims {
            issuer: given(draft.issuer),
            subject: given(draft.subject),
            audiences: draft.audiences,
            expiration: given(draft.expiration),
        };
        let is_one = self.exactly_one(
            path,
            &[
                ("provider", provider.is_some()),
                ("value", value.is_some()),
                ("fromPath", from_path.is_some()),
                ("jwkPath", jwk_path.is_some()),
                ("jwkValue", jwk_value.is_some()),
            ],
        );
        if !is_one {
            return None;
        }
        let source = if let Some(provider) = provider {
            self.issued(path, audience, &provider, claims)
        } else if jwk_path.is_some() || jwk_value.is_some() {
            let key = self.secret(path, ("jwkPath", jwk_path), jwk_value);
            self.signed(path, audience, key, claims)
        } else {
            self.refuse_claims(path, &claims, "value and fromPath");
            if !claims.audiences.is_empty() {
                self.refuse_claim(path, self.words.audiences, "value and fromPath");
            }
            self.secret(path, ("fromPath", from_path), value).map(TokenSource::Given)
        };
        source.map(|source| CredentialSpec { username, source, envelope: given(draft.envelope) })
    }

    fn issued(
        &mut self,
        path: &str,
        audience: &str,
        provider: &str,
        claims: Claims,
    ) -> Option<TokenSource> {
        self.refuse_claims(path, &claims, "provider");
        let words = TokenProvider::ALL.map(|known| known.word(self.words.spiffe_token));
        let known = TokenProvider::ALL.into_iter().zip(words).find(|(_, word)| *word == provider);
        let Some((provider, _)) = known else {
            self.violations
                .add(format!("{path}.provider"), format!("is none of {}", words.join(", ")));
            return None;
        };
        Some(TokenSource::Issued { provider, audiences: or_default(claims.audiences, audience) })
    }

    fn signed(
        &mut self,
        path: &str,
        audience: &str,
        key: Option<CredentialSource>,
        claims: Claims,
    ) -> Option<TokenSource> {
        let mut required = |field: &str, claim: Option<String>| {
            if claim.is_none() {
                self.violations.add(format!("{path}.{field}"), "is required with a JWK");
            }
            claim
        };
        let issuer = required(self.words.issuer, claims.issuer);
        let subject = required(self.words.subject, claims.subject);
        let lifetime = claims.expiration.map(|expiration| self.lifetime(path, &expiration));
        Some(TokenSource::Signed {
            key: key?,
            issuer: issuer?,
            subject: subject?,
            audiences: or_default(claims.audiences, audience),
            lifetime: lifetime.flatten(),
        })
    }

    fn lifetime(&mut self, path: &str, expiration: &str) -> Option<Duration> {
        let path = format!("{path}.{}", self.words.expiration);
        match expiration.parse() {
            Ok(GoDuration(Duration::ZERO)) => self.violations.add(path, "must be greater than 0"),
            Ok(GoDuration(lifetime)) => return Some(lifetime),
            Err(_) if expiration.starts_with('-') => {
                self.violations.add(path, "must be greater than 0");
            }
            Err(error) => {
                let error: mirror_model::InvalidDuration = error;
                self.violations.add_error(path, &error);
            }
        }
        None
    }

    /// Notes claims that only a JWK goes with.
    fn refuse_claims(&mut self, path: &str, claims: &Claims, source: &str) {
        let words = self.words;
        let given = [
            (words.issuer, claims.issuer.is_some()),
            (words.subject, claims.subject.is_some()),
            (words.expiration, claims.expiration.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            self.refuse_claim(path, field, source);
        }
    }

    fn refuse_claim(&mut self, path: &str, field: &str, source: &str) {
        self.violations.add(format!("{path}.{field}"), format!("does not go with {source}"));
    }
}

fn or_default(audiences: Vec<String>, audience: &str) -> Vec<String> {
    if audiences.is_empty() { vec![audience.to_owned()] } else { audiences }
}
