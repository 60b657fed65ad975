//! What a config asks for that this version cannot do: said before any request, never ignored.

use mirror_model::{Entry, EntrySource};

use crate::MirrorConfig;
use crate::host::{Auth, ClientAuth, Host, ServerAuth, Tls, TokenSource};

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
    match &host.auth {
        Some(Auth::Credential(credential)) => {
            let path = format!("{path}.credential");
            match &credential.source {
                TokenSource::Given(_) => {}
                TokenSource::Signed { .. } => {
                    lines.push(line(&path, "signing tokens with a JWK"));
                }
                TokenSource::Issued { provider, .. } => {
                    let what = format!("the provider {provider}");
                    lines.push(line(&format!("{path}.provider"), &what));
                }
            }
            if credential.envelope.is_some() {
                lines.push(line(&format!("{path}.envelope"), "an envelope"));
            }
        }
        Some(Auth::Cloud(cloud)) => {
            lines.push(line(&format!("{path}.provider"), &format!("the login of {cloud}")));
        }
        None => {}
    }
    let Some(Tls { server, client }) = &host.tls else { return };
    let path = format!("{path}.tls");
    match server {
        Some(ServerAuth::Authorities(_)) => {
            lines.push(line(&format!("{path}.serverAuth"), "a certificate authority of one host"));
        }
        Some(ServerAuth::Spiffe(_)) => {
            lines.push(line(&format!("{path}.serverAuth"), "verifying servers by SPIFFE ID"));
        }
        None => {}
    }
    match client {
        Some(ClientAuth::Spiffe) => {
            lines.push(line(&format!("{path}.clientAuth"), "a certificate of the Workload API"));
        }
        Some(ClientAuth::Certificate { .. }) => {
            lines.push(line(&format!("{path}.clientAuth"), "a client certificate"));
        }
        None => {}
    }
}
