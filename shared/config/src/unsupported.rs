//! What a config asks for that this version cannot do: said before any request, never ignored.

use mirror_credentials::{HostLogin, TokenProvider, TokenSource};
use mirror_model::{Entry, EntrySource};

use crate::MirrorConfig;
use crate::host::{ClientAuth, Host, ServerAuth, Tls};

impl MirrorConfig {
    /// Returns a line for each field that this version cannot act on, with its path.
    pub fn unsupported(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let is_chart = |entry: &&Entry| matches!(entry.source, EntrySource::Chart(_));
        let charts = self.entries.iter().filter(is_chart).count();
        lines
            .extend((0..charts).map(|index| line(&format!("charts[{index}]"), "mirroring charts")));
        for (index, host) in self.hosts.iter().enumerate() {
            host_lines(&format!("hosts[{index}]"), host, &mut lines);
        }
        lines
    }
}

fn line(path: &str, what: &str) -> String {
    format!("{path}: {what} is not supported by this version")
}

fn host_lines(path: &str, host: &Host, lines: &mut Vec<String>) {
    match &host.login {
        Some(HostLogin::Credential(credential)) => match &credential.source {
            TokenSource::Given(_)
            | TokenSource::Signed(_)
            | TokenSource::Issued {
                provider: TokenProvider::GitHub | TokenProvider::Forgejo,
                ..
            } => {}
            TokenSource::Issued { provider: TokenProvider::Spiffe, .. } => {
                absent(&format!("{path}.credential.provider"), "spiffe", SPIFFE, lines);
            }
            TokenSource::Issued { provider, .. } => {
                let what = format!("the provider {provider}");
                lines.push(line(&format!("{path}.credential.provider"), &what));
            }
        },
        Some(HostLogin::Cloud(cloud)) => {
            lines.push(line(&format!("{path}.provider"), &format!("the login of {cloud}")));
        }
        None => {}
    }
    if let Some(Tls { server, client }) = &host.tls {
        if let Some(ServerAuth::Spiffe(_)) = server {
            absent(&format!("{path}.tls.serverAuth.spiffe"), "spiffe", SPIFFE, lines);
        }
        if let Some(ClientAuth::Spiffe) = client {
            absent(&format!("{path}.tls.clientAuth.provider"), "spiffe", SPIFFE, lines);
        }
    }
}

/// Whether this program was built with a feature that a config may need.
const SPIFFE: bool = cfg!(feature = "spiffe");

/// Adds a line unless this program was built with a feature.
fn absent(path: &str, feature: &str, is_there: bool, lines: &mut Vec<String>) {
    if !is_there {
        lines.push(format!("{path}: this program was built without the feature {feature}"));
    }
}
