//! TLS of hosts: how the server is trusted, and how we show who we are.
//!
//! What files hold is read once here, so that what is of no use is refused before any request; a
//! client's certificate and key are read again by each handshake.

use mirror_credentials::{ConfinedError, CredentialSource};
use mirror_transport::{Authorities, Identity, SpiffeServer, Trust, Workload};
use zeroize::Zeroizing;

use super::draft::{ClientDraft, ServerDraft, TlsDraft};
use super::{Judge, given, given_secret};
use crate::raw;

/// The SPIFFE specification: an ID has at most 2048 bytes.
const MAX_SPIFFE_ID_BYTES: usize = 2048;
/// The SPIFFE specification: the name of a trust domain has at most 255 bytes.
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// A system's whole bundle of authorities is a quarter of this.
const MAX_PEM_BYTES: usize = 1 << 20;

/// How to connect to a host; at least one of the two is there.
#[derive(Clone, Debug)]
pub struct Tls {
    /// How the server is trusted; by the system's authorities where it is `None`.
    pub server: Option<ServerAuth>,
    /// How we show who we are.
    pub client: Option<ClientAuth>,
}

/// How the server is trusted.
#[derive(Clone, Debug)]
pub enum ServerAuth {
    /// By these authorities, instead of the system's.
    Authorities(Authorities),
    /// By its SPIFFE ID.
    Spiffe(SpiffeServer),
}

/// How we show who we are.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// By a certificate of the SPIFFE Workload API.
    Spiffe,
    /// By a certificate and its key.
    Certificate(Identity),
}

impl Tls {
    /// Returns the settings to connect with; `workload` is who says what SPIFFE is about.
    pub fn settings(&self, workload: &Workload) -> mirror_transport::Tls {
        let trust = match &self.server {
            Some(ServerAuth::Authorities(authorities)) => Trust::Authorities(authorities.clone()),
            Some(ServerAuth::Spiffe(server)) => Trust::Spiffe(server.clone(), workload.clone()),
            None => Trust::System,
        };
        let identity = match &self.client {
            Some(ClientAuth::Certificate(identity)) => Some(identity.clone()),
            Some(ClientAuth::Spiffe) => Some(Identity::from_workload(workload.clone())),
            None => None,
        };
        mirror_transport::Tls::new(trust, identity)
    }
}

impl Judge<'_> {
    /// Judges `tls`.
    pub(super) fn tls(&mut self, path: &str, draft: TlsDraft) -> Tls {
        if draft.server.is_none() && draft.client.is_none() {
            self.violations.add(path, "serverAuth or clientAuth is required");
        }
        let server =
            draft.server.map(|server| self.server_auth(&format!("{path}.serverAuth"), server));
        let client =
            draft.client.map(|client| self.client_auth(&format!("{path}.clientAuth"), client));
        Tls { server: server.flatten(), client: client.flatten() }
    }

    fn server_auth(&mut self, path: &str, draft: ServerDraft) -> Option<ServerAuth> {
        let (value, from_path) = (given_secret(draft.value), given(draft.from_path));
        let is_one = self.exactly_one(
            path,
            &[
                ("fromPath", from_path.is_some()),
                ("value", value.is_some()),
                ("spiffe", draft.spiffe.is_some()),
            ],
        );
        if !is_one {
            return None;
        }
        match draft.spiffe {
            Some(spiffe) => self.spiffe(&format!("{path}.spiffe"), spiffe).map(ServerAuth::Spiffe),
            None => {
                let source = self.secret(path, ("fromPath", from_path), value)?;
                self.authorities(path, &source).map(ServerAuth::Authorities)
            }
        }
    }

    fn spiffe(&mut self, path: &str, draft: raw::SpiffeServer) -> Option<SpiffeServer> {
        let (id, trust_domain) = (given(draft.server_id), given(draft.trust_domain));
        let is_any = draft.authorize_any.unwrap_or_default();
        let is_one = self.exactly_one(
            path,
            &[
                ("serverID", id.is_some()),
                ("trustDomain", trust_domain.is_some()),
                ("authorizeAny", is_any),
            ],
        );
        if !is_one {
            return None;
        }
        match (id, trust_domain) {
            (Some(id), _) if is_spiffe_id(&id) => Some(SpiffeServer::Id(id)),
            (Some(_), _) => {
                let message = "is no SPIFFE ID, as in spiffe://example.org/registry";
                self.violations.add(format!("{path}.serverID"), message);
                None
            }
            (None, Some(name)) if name == "self" => Some(SpiffeServer::OwnTrustDomain),
            (None, Some(name)) if is_trust_domain(&name) => Some(SpiffeServer::TrustDomain(name)),
            (None, Some(_)) => {
                let message = "is no trust domain: a name as in example.org, or self";
                self.violations.add(format!("{path}.trustDomain"), message);
                None
            }
            (None, None) => Some(SpiffeServer::Any),
        }
    }

    fn client_auth(&mut self, path: &str, draft: ClientDraft) -> Option<ClientAuth> {
        let provider = given(draft.provider);
        let is_pair = draft.certificate.is_some() || draft.key.is_some();
        match provider {
            Some(_) if is_pair => {
                let message = "provider excludes certificate and key";
                self.violations.add(path, message);
                None
            }
            Some(provider) if provider == self.words.spiffe_certificate => Some(ClientAuth::Spiffe),
            Some(_) => {
                let message = format!("is not {}", self.words.spiffe_certificate);
                self.violations.add(format!("{path}.provider"), message);
                None
            }
            None if is_pair => {
                let certificate = self.pem(&format!("{path}.certificate"), draft.certificate);
                let key = self.pem(&format!("{path}.key"), draft.key);
                self.identity(path, [certificate?, key?]).map(ClientAuth::Certificate)
            }
            None => {
                let message = "provider, or certificate and key, is required";
                self.violations.add(path, message);
                None
            }
        }
    }

    fn pem(&mut self, path: &str, pem: Option<raw::Pem>) -> Option<CredentialSource> {
        let Some(raw::Pem { from_path, value }) = pem else {
            self.violations.add(path, "is required: certificate and key go together");
            return None;
        };
        let (from_path, value) = (given(from_path), given_secret(value));
        let fields = [("fromPath", from_path.is_some()), ("value", value.is_some())];
        if !self.exactly_one(path, &fields) {
            return None;
        }
        self.secret(path, ("fromPath", from_path), value)
    }

    fn authorities(&mut self, path: &str, source: &CredentialSource) -> Option<Authorities> {
        let pem = self.read(path, source)?;
        self.usable(path, Authorities::from_pem(&pem))
    }

    fn identity(&mut self, path: &str, pair: [CredentialSource; 2]) -> Option<Identity> {
        let [certificate, key] = &pair;
        let certificate = self.read(&format!("{path}.certificate"), certificate);
        let key = self.read(&format!("{path}.key"), key);
        let first = [certificate?, key?];
        let read = move || -> Result<_, ConfinedError> {
            let [certificate, key] = &pair;
            Ok([certificate.bytes(MAX_PEM_BYTES)?, key.bytes(MAX_PEM_BYTES)?])
        };
        self.usable(path, Identity::reloading(first, read))
    }

    fn read(&mut self, path: &str, source: &CredentialSource) -> Option<Zeroizing<Vec<u8>>> {
        let read = source.bytes(MAX_PEM_BYTES);
        self.usable(path, read)
    }
}

/// The SPIFFE specification, section 2: `spiffe://<trust domain>/<segment>/…`.
fn is_spiffe_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else { return false };
    let (trust_domain, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    text.len() <= MAX_SPIFFE_ID_BYTES
        && is_trust_domain(trust_domain)
        && (!rest.contains('/') || path.split('/').all(is_segment))
}

fn is_trust_domain(text: &str) -> bool {
    let is_letter = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    };
    (1..=MAX_TRUST_DOMAIN_BYTES).contains(&text.len()) && text.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spiffe_ids() {
        for good in [
            "spiffe://example.org",
            "spiffe://example.org/registry",
            "spiffe://a_b-c.9/A/b.c/d-e_f",
        ] {
            assert!(is_spiffe_id(good), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "spiffe://",
            "spiffe:///x",
            "https://example.org/x",
            "SPIFFE://example.org",
            "spiffe://Example.org",
            "spiffe://example.org/",
            "spiffe://example.org//x",
            "spiffe://example.org/./x",
            "spiffe://example.org/../x",
            "spiffe://example.org/x?y",
            "spiffe://example.org:80/x",
            "spiffe://user@example.org",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
        assert!(!is_spiffe_id(&format!("spiffe://{}", "a".repeat(256))));
        assert!(!is_spiffe_id(&format!("spiffe://a/{}", "a".repeat(2048))));
    }
}
