//! What a config asks for that this version cannot do: said before any request, never ignored.

use mirror_credentials::{Cloud, HostLogin, TokenProvider, TokenSource};
use mirror_model::EntrySource;

use crate::MirrorConfig;
use crate::host::{ClientAuth, Host, ServerAuth, Tls};

impl MirrorConfig {
    /// Returns a line for each field that this version cannot act on, with its path.
    pub fn unsupported(&self) -> Vec<String> {
        let mut lines = Vec::new();
        // Artifacts come first among the entries, each at its own index.
        for (index, entry) in self.entries.iter().enumerate() {
            if let EntrySource::Artifact { verify: Some(_), .. } = &entry.source {
                absent(&format!("artifacts[{index}].verify"), SIGSTORE, &mut lines);
            }
        }
        for (index, host) in self.hosts.iter().enumerate() {
            host_lines(&format!("hosts[{index}]"), host, &mut lines);
        }
        lines
    }
}

fn host_lines(path: &str, host: &Host, lines: &mut Vec<String>) {
    match &host.login {
        Some(HostLogin::Credential(credential)) => match &credential.source {
            TokenSource::Given(_) | TokenSource::Signed(_) => {}
            TokenSource::Issued { provider, .. } => {
                absent(&format!("{path}.credential.provider"), provider_feature(*provider), lines);
            }
        },
        Some(HostLogin::Cloud(cloud)) => {
            absent(&format!("{path}.provider"), cloud_feature(*cloud), lines);
        }
        None => {}
    }
    if let Some(Tls { server, client }) = &host.tls {
        if let Some(ServerAuth::Spiffe(_)) = server {
            absent(&format!("{path}.tls.serverAuth.spiffe"), SPIFFE, lines);
        }
        if let Some(ClientAuth::Spiffe) = client {
            absent(&format!("{path}.tls.clientAuth.provider"), SPIFFE, lines);
        }
    }
}

/// A feature that a config may need, and whether this program was built with it.
#[derive(Clone, Copy)]
struct Feature {
    name: &'static str,
    is_there: bool,
}

const ALWAYS: Feature = Feature { name: "", is_there: true };
const AWS: Feature = Feature { name: "aws", is_there: cfg!(feature = "aws") };
const AZURE: Feature = Feature { name: "azure", is_there: cfg!(feature = "azure") };
const GCP: Feature = Feature { name: "gcp", is_there: cfg!(feature = "gcp") };
const SIGSTORE: Feature = Feature { name: "sigstore", is_there: cfg!(feature = "sigstore") };
const SPIFFE: Feature = Feature { name: "spiffe", is_there: cfg!(feature = "spiffe") };

fn provider_feature(provider: TokenProvider) -> Feature {
    match provider {
        TokenProvider::GitHub | TokenProvider::Forgejo => ALWAYS,
        TokenProvider::Gcp => GCP,
        TokenProvider::Azure => AZURE,
        TokenProvider::Aws => AWS,
        TokenProvider::Spiffe => SPIFFE,
    }
}

fn cloud_feature(cloud: Cloud) -> Feature {
    match cloud {
        Cloud::Ecr => AWS,
        Cloud::Acr => AZURE,
        Cloud::Gar => GCP,
    }
}

/// Adds a line unless this program was built with a feature.
fn absent(path: &str, feature: Feature, lines: &mut Vec<String>) {
    let Feature { name, is_there } = feature;
    if !is_there {
        lines.push(format!("{path}: this program was built without the feature {name}"));
    }
}
