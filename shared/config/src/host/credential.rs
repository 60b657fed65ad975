//! Credentials of hosts: exactly one source, and only what belongs to it.

use std::time::Duration;

use mirror_credentials::{
    CredentialSource, Envelope, HostCredential, MAX_SECRET_BYTES, SignedToken, SigningKey,
    TokenProvider, TokenSource,
};
use mirror_model::GoDuration;

use super::draft::CredentialDraft;
use super::{Judge, given, given_secret};

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
    ) -> Option<HostCredential> {
        let provider = given(draft.provider);
        let is_value_empty = draft.value.as_ref().is_some_and(|value| value.expose().is_empty());
        let (value, from_path) = (given_secret(draft.value), given(draft.from_path));
        let (jwk_path, jwk_value) = (given(draft.jwk_path), given_secret(draft.jwk_value));
        let claims = Claims {
            issuer: given(draft.issuer),
            subject: given(draft.subject),
            audiences: draft.audiences,
            expiration: given(draft.expiration),
        };
        let sources = [
            ("provider", provider.is_some()),
            ("value", value.is_some()),
            ("fromPath", from_path.is_some()),
            ("jwkPath", jwk_path.is_some()),
            ("jwkValue", jwk_value.is_some()),
        ];
        if is_value_empty && !sources.iter().any(|(_, given)| *given) {
            let message = "is empty: is the variable set that it stands for?";
            self.violations.add(format!("{path}.value"), message);
            return None;
        }
        let is_one = self.exactly_one(path, &sources);
        if !is_one {
            return None;
        }
        if username.is_none() && value.as_ref().is_some_and(|value| !value.fits_header()) {
            let message = "holds a line break, or what else no header can carry";
            self.violations.add(format!("{path}.value"), message);
        }
        let source = if let Some(provider) = provider {
            self.issued(path, audience, &provider, claims)
        } else if jwk_path.is_some() || jwk_value.is_some() {
            let field = if jwk_path.is_some() { "jwkPath" } else { "jwkValue" };
            let key = self.secret(path, ("jwkPath", jwk_path), jwk_value);
            let key = key.and_then(|key| self.key(&format!("{path}.{field}"), key));
            self.signed(path, audience, key, claims)
        } else {
            self.refuse_claims(path, &claims, "value and fromPath");
            if !claims.audiences.is_empty() {
                self.refuse_claim(path, self.words.audiences, "value and fromPath");
            }
            self.secret(path, ("fromPath", from_path), value).map(TokenSource::Given)
        };
        let envelope = given(draft.envelope).map(|template| self.envelope(path, &template));
        let envelope = match envelope {
            None => None,
            Some(read) => Some(read?),
        };
        Some(HostCredential { username, source: source?, envelope })
    }

    fn issued(
        &mut self,
        path: &str,
        audience: &str,
        provider: &str,
        claims: Claims,
    ) -> Option<TokenSource> {
        self.refuse_claims(path, &claims, "provider");
        let words = TokenProvider::ALL.map(|known| self.word(known));
        let known = TokenProvider::ALL.into_iter().zip(words).find(|(_, word)| *word == provider);
        let Some((provider, _)) = known else {
            self.violations
                .add(format!("{path}.provider"), format!("is none of {}", words.join(", ")));
            return None;
        };
        let audiences = or_default(claims.audiences, audience);
        if audiences.len() > 1 && provider != TokenProvider::Spiffe {
            let message = format!("are several, and {provider} has tokens for one");
            self.violations.add(format!("{path}.{}", self.words.audiences), message);
        }
        Some(TokenSource::Issued { provider, audiences })
    }

    /// Returns how this version of the API writes a provider.
    fn word(&self, provider: TokenProvider) -> &'static str {
        match provider {
            TokenProvider::Spiffe => self.words.spiffe_token,
            TokenProvider::GitHub
            | TokenProvider::Forgejo
            | TokenProvider::Gcp
            | TokenProvider::Azure
            | TokenProvider::Aws => provider.as_str(),
        }
    }

    fn envelope(&mut self, path: &str, template: &str) -> Option<Envelope> {
        self.usable(&format!("{path}.envelope"), Envelope::parse(template))
    }

    /// Returns a key that is one. It is read again by whoever signs.
    fn key(&mut self, path: &str, key: CredentialSource) -> Option<CredentialSource> {
        let bytes = self.usable(path, key.bytes(MAX_SECRET_BYTES))?;
        self.usable(path, SigningKey::parse(&bytes)).map(|_| key)
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
        Some(TokenSource::Signed(SignedToken {
            key: key?,
            issuer: issuer?,
            subject: subject?,
            audiences: or_default(claims.audiences, audience),
            lifetime: lifetime.flatten(),
        }))
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
