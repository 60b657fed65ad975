//! One shape for the hosts of both versions of the API.
//!
//! What v1beta2 says in other words is said in ours here; what it asks for in addition is judged
//! here. Everything else is judged once, for both.

use mirror_credentials::Secret;

use super::given;
use crate::error::Violations;
use crate::raw::{Pem, SpiffeServer, v1beta1, v1beta2};

/// How a version of the API names what the other names differently.
#[derive(Debug)]
pub(crate) struct Words {
    pub(super) issuer: &'static str,
    pub(super) subject: &'static str,
    pub(super) audiences: &'static str,
    pub(super) expiration: &'static str,
    /// The provider of tokens from the SPIFFE Workload API.
    pub(super) spiffe_token: &'static str,
    /// The provider of certificates from the SPIFFE Workload API.
    pub(super) spiffe_certificate: &'static str,
}

impl Words {
    /// Those of v1beta1.
    pub(crate) const V1BETA1: Self = Self {
        issuer: "iss",
        subject: "sub",
        audiences: "aud",
        expiration: "exp",
        spiffe_token: "jwt-svid",
        spiffe_certificate: "x509-svid",
    };
    /// Those of v1beta2.
    pub(crate) const V1BETA2: Self = Self {
        issuer: "issuer",
        subject: "subject",
        audiences: "audiences",
        expiration: "expiration",
        spiffe_token: "spiffe",
        spiffe_certificate: "spiffe",
    };
}

/// A host as either version writes it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) host: Option<String>,
    pub(super) username: Option<String>,
    pub(super) provider: Option<String>,
    /// Whether the provider was `generic`, which is none.
    pub(super) is_generic: bool,
    pub(super) credential: Option<CredentialDraft>,
    pub(super) tls: Option<TlsDraft>,
    pub(super) max_chunk_size: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct CredentialDraft {
    pub(super) provider: Option<String>,
    pub(super) value: Option<Secret>,
    pub(super) from_path: Option<String>,
    pub(super) jwk_path: Option<String>,
    pub(super) jwk_value: Option<Secret>,
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) expiration: Option<String>,
    pub(super) envelope: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct TlsDraft {
    pub(super) server: Option<ServerDraft>,
    pub(super) client: Option<ClientDraft>,
}

#[derive(Debug, Default)]
pub(super) struct ServerDraft {
    pub(super) from_path: Option<String>,
    pub(super) value: Option<Secret>,
    pub(super) spiffe: Option<SpiffeServer>,
}

#[derive(Debug, Default)]
pub(super) struct ClientDraft {
    pub(super) provider: Option<String>,
    pub(super) certificate: Option<Pem>,
    pub(super) key: Option<Pem>,
}

impl From<v1beta1::Host> for Draft {
    fn from(host: v1beta1::Host) -> Self {
        Self {
            host: host.name,
            username: host.username,
            provider: host.provider,
            is_generic: false,
            credential: host.credential.map(|credential| CredentialDraft {
                provider: credential.provider,
                value: credential.value,
                from_path: credential.from_path,
                jwk_path: credential.jwk_path,
                jwk_value: credential.jwk_value,
                issuer: credential.iss,
                subject: credential.sub,
                audiences: given(credential.aud).into_iter().collect(),
                expiration: credential.exp,
                envelope: None,
            }),
            tls: host.tls.map(|tls| TlsDraft {
                server: tls.server_auth.map(|server| ServerDraft {
                    from_path: server.from_path,
                    value: server.value,
                    spiffe: server.spiffe,
                }),
                client: tls.client_auth.map(|client| ClientDraft {
                    provider: client.provider,
                    certificate: client.certificate,
                    key: client.key,
                }),
            }),
            max_chunk_size: host.max_chunk_size,
        }
    }
}

impl Draft {
    /// Takes a host of v1beta2 and judges what is its own.
    pub(crate) fn of_v1beta2(
        mut host: v1beta2::Host,
        path: &str,
        violations: &mut Violations,
    ) -> Self {
        let is_generic = host.provider.take_if(|provider| provider == "generic").is_some();
        let mut username = None;
        let credential = host.credential.map(|mut credential| {
            username = credential.username.take();
            of_v1beta2_credential(credential, path, violations)
        });
        let tls = host.tls.map(|tls| TlsDraft {
            server: tls.server_auth.map(|server| of_v1beta2_server(server, path, violations)),
            client: tls.client_auth.map(|client| ClientDraft {
                provider: client.provider,
                certificate: client.certificate,
                key: client.key,
            }),
        });
        Self {
            host: host.name,
            username,
            provider: host.provider,
            is_generic,
            credential,
            tls,
            max_chunk_size: host.max_chunk_size,
        }
    }
}

fn of_v1beta2_credential(
    credential: v1beta2::Credential,
    path: &str,
    violations: &mut Violations,
) -> CredentialDraft {
    match given(credential.kind).as_deref() {
        Some("jwt") => {}
        Some(_) => violations.add(format!("{path}.credential.type"), "is not jwt"),
        None => violations.add(format!("{path}.credential.type"), "is required, write jwt"),
    }
    let audiences = credential.audiences.unwrap_or_default();
    for (index, audience) in audiences.iter().enumerate() {
        if audience.is_empty() {
            violations.add(format!("{path}.credential.audiences[{index}]"), "is empty");
        }
    }
    CredentialDraft {
        provider: credential.provider,
        value: credential.value,
        from_path: credential.from_path,
        jwk_path: credential.jwk_path,
        jwk_value: credential.jwk_value,
        issuer: credential.issuer,
        subject: credential.subject,
        audiences,
        expiration: credential.expiration,
        envelope: credential.envelope,
    }
}

fn of_v1beta2_server(
    server: v1beta2::ServerAuth,
    path: &str,
    violations: &mut Violations,
) -> ServerDraft {
    let path = format!("{path}.tls.serverAuth");
    match (given(server.provider).as_deref(), &server.spiffe) {
        (Some("spiffe"), Some(_)) | (None, None) => {}
        (Some("spiffe"), None) => violations.add(path, "provider: spiffe needs the field spiffe"),
        (Some(_), _) => violations.add(format!("{path}.provider"), "is not spiffe"),
        (None, Some(_)) => violations.add(path, "spiffe needs provider: spiffe"),
    }
    ServerDraft { from_path: server.from_path, value: server.value, spiffe: server.spiffe }
}
