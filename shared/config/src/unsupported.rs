//! What a config asks for that this version cannot do: said before any request, never ignored.

use mirror_credentials::{HostLogin, TokenProvider, TokenSource};

use crate::MirrorConfig;
use crate::host::{ClientAuth, Host, ServerAuth, Tls};

impl MirrorConfig {
    /// Returns a line for each field that this version cannot act on, with its path.
    pub fn unsupported(&self) -> Vec<String> {
        let mut lines = Vec::new();
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
    let Some(Tls { server, client }) = &host.tls else { return };
    let path = format!("{path}.tls");
    match server {
        Some(ServerAuth::Spiffe(_)) => {
            lines.push(line(&format!("{path}.serverAuth"), "verifying servers by SPIFFE ID"));
        }
        Some(ServerAuth::Authorities(_)) | None => {}
    }
    match client {
        Some(ClientAuth::Spiffe) => {
            lines.push(line(&format!("{path}.clientAuth"), "a certificate of the Workload API"));
        }
        Some(ClientAuth::Certificate(_)) | None => {}
    }
}
