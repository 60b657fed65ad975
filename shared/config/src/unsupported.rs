//! What a config asks for that this version cannot do: said before any request, never ignored.

use mirror_credentials::{HostLogin, TokenSource};
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
                need(&format!("artifacts[{index}].verify"), missing_sigstore(), &mut lines);
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
                need(&format!("{path}.credential.provider"), provider.missing_feature(), lines);
            }
        },
        Some(HostLogin::Cloud(cloud)) => {
            need(&format!("{path}.provider"), cloud.missing_feature(), lines);
        }
        None => {}
    }
    if let Some(Tls { server, client }) = &host.tls {
        if let Some(ServerAuth::Spiffe(_)) = server {
            need(&format!("{path}.tls.serverAuth.spiffe"), missing_spiffe(), lines);
        }
        if let Some(ClientAuth::Spiffe) = client {
            need(&format!("{path}.tls.clientAuth.provider"), missing_spiffe(), lines);
        }
    }
}

/// The feature that judges signatures, where this program was built without it.
fn missing_sigstore() -> Option<&'static str> {
    (!cfg!(feature = "sigstore")).then_some("sigstore")
}

/// The feature of TLS by SPIFFE, where this program was built without it.
fn missing_spiffe() -> Option<&'static str> {
    (!cfg!(feature = "spiffe")).then_some("spiffe")
}

/// Adds a line where a feature is missing.
fn need(path: &str, missing: Option<&'static str>, lines: &mut Vec<String>) {
    if let Some(feature) = missing {
        lines.push(format!("{path}: this program was built without the feature {feature}"));
    }
}
