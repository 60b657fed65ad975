//! The fields of v1beta1.

use mirror_credentials::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Artifact, Chart, Pem, SpiffeServer};

/// A config of flux-mirror: what is mirrored, and how hosts are authenticated at.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    /// The version of the config API.
    #[expect(dead_code, reason = "read from the document before the version's types are known")]
    #[schemars(required, extend("const" = "mirror.plugin.fluxcd.io/v1beta1"))]
    pub(crate) api_version: Option<String>,
    /// The kind of this document.
    #[expect(dead_code, reason = "read from the document before the version's types are known")]
    #[schemars(required, extend("const" = "Config"))]
    pub(crate) kind: Option<String>,
    /// OCI repositories to be mirrored.
    pub(crate) artifacts: Option<Vec<Artifact>>,
    /// Charts of Helm repositories to be mirrored.
    pub(crate) charts: Option<Vec<Chart>>,
    /// How hosts are authenticated at; others as the Docker config says.
    pub(crate) hosts: Option<Vec<Host>>,
}

/// How one registry host is authenticated at and connected to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Host {
    /// The host, with its port where it has one: `ghcr.io`, `localhost:5000`.
    #[serde(rename = "host")]
    #[schemars(required)]
    pub(crate) name: Option<String>,
    /// The user whose password the credential is; without it the credential is sent as a bearer
    /// token.
    pub(crate) username: Option<String>,
    /// Where the password or token comes from.
    pub(crate) credential: Option<Credential>,
    /// The cloud whose own login is used.
    #[schemars(extend("enum" = ["ecr", "acr", "gar", null]))]
    pub(crate) provider: Option<String>,
    /// How the server is trusted, and how we show who we are.
    pub(crate) tls: Option<Tls>,
    /// Blobs larger than this many KiB are sent in parts of this size; 0 for never.
    #[schemars(range(min = 0), extend("default" = 0))]
    pub(crate) max_chunk_size: Option<i64>,
}

/// Where a password or token comes from: exactly one of provider, value, fromPath, jwkPath, jwkValue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Credential {
    /// Who issues an identity token for us.
    #[schemars(extend("enum" = ["github", "forgejo", "gcp", "azure", "aws", "jwt-svid", null]))]
    pub(crate) provider: Option<String>,
    /// The password or token itself.
    #[schemars(with = "Option<String>")]
    pub(crate) value: Option<Secret>,
    /// A file with the password or token, relative to the config's folder and inside it.
    pub(crate) from_path: Option<String>,
    /// A file with the private JWK that tokens are signed with.
    pub(crate) jwk_path: Option<String>,
    /// The private JWK that tokens are signed with.
    #[schemars(with = "Option<String>")]
    pub(crate) jwk_value: Option<Secret>,
    /// The issuer in signed tokens; with a JWK alone.
    pub(crate) iss: Option<String>,
    /// The subject in signed tokens; with a JWK alone.
    pub(crate) sub: Option<String>,
    /// The audience of tokens; by default the host.
    pub(crate) aud: Option<String>,
    /// How long signed tokens live; with a JWK alone.
    #[schemars(extend("default" = "60s"))]
    pub(crate) exp: Option<String>,
}

/// How the server is trusted, and how we show who we are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tls {
    /// How the server is trusted; by default by the system's certificates.
    pub(crate) server_auth: Option<ServerAuth>,
    /// How we show who we are.
    pub(crate) client_auth: Option<ClientAuth>,
}

/// How the server is trusted: exactly one of the fields.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServerAuth {
    /// A file with the certificates of authorities, in PEM.
    pub(crate) from_path: Option<String>,
    /// The certificates of authorities, in PEM.
    #[schemars(with = "Option<String>")]
    pub(crate) value: Option<Secret>,
    /// By its SPIFFE ID.
    pub(crate) spiffe: Option<SpiffeServer>,
}

/// How we show who we are: a provider, or a certificate and its key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClientAuth {
    /// Who issues our certificate.
    #[schemars(extend("enum" = ["x509-svid", null]))]
    pub(crate) provider: Option<String>,
    /// Our certificate and those up to the authority.
    pub(crate) certificate: Option<Pem>,
    /// Its private key.
    pub(crate) key: Option<Pem>,
}
