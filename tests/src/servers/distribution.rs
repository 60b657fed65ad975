//! CNCF distribution v3: plain, TLS, Basic, tokens, blobs behind a redirect.
//!
//! It keeps no record of requests; put a `Proxy` in front of it to count.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::file_server::{FileServer, FileServerOptions};
use super::process::{Process, folder};
use super::programs::program;
use super::record::Served;
use super::token_server::{TokenServer, TokenServerOptions};
use crate::pki::Pki;
use crate::ports;

/// `mirror` with `secret`, bcrypt of cost 4: 4 ms a request.
const HTPASSWD: &str = "mirror:$2a$04$ClKvdOYkgAe/zwCJt.OPj.U7rC9x2IT8.9SCn5cuvnEbIDzad.MIm\n";

/// How the registry behaves.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the server's")]
pub struct DistributionOptions {
    /// Serves HTTPS.
    pub tls: Option<Pki>,
    /// Asks for a client certificate too.
    pub client_certificates: bool,
    /// Asks for Basic: `mirror` with `secret`.
    pub basic: bool,
    /// Asks for tokens of a token server, which is started with it.
    pub token: Option<TokenServerOptions>,
    /// Asks for tokens, for `test` and by `test`, that this JWK set verifies; nobody gives them.
    pub key_set: Option<PathBuf>,
    /// Whether Locations are paths; else whole URLs.
    pub relative_urls: bool,
    /// Redirects blobs (307, HEAD too) to a file server, which is started with it.
    pub redirect_blobs: bool,
}

impl Default for DistributionOptions {
    /// Plain HTTP, anybody, relative Locations, no redirects.
    fn default() -> Self {
        Self {
            tls: None,
            client_certificates: false,
            basic: false,
            token: None,
            key_set: None,
            relative_urls: true,
            redirect_blobs: false,
        }
    }
}

/// A registry that is running.
#[derive(Debug)]
pub struct Distribution {
    process: Process,
    token_server: Option<TokenServer>,
    cdn: Option<FileServer>,
}

impl Distribution {
    /// Starts a registry.
    pub async fn start(options: DistributionOptions) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        fs::create_dir_all(&data).expect("our own folder");
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/registry.yml");
        let mut command = Command::new(program("registry"));
        command.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &data);
        command.env("REGISTRY_HTTP_ADDR", ports::free().to_string());
        command.env("REGISTRY_HTTP_RELATIVEURLS", options.relative_urls.to_string());
        if let Some(pki) = &options.tls {
            let (certificate, key) = pki.server();
            command.env("REGISTRY_HTTP_TLS_CERTIFICATE", certificate);
            command.env("REGISTRY_HTTP_TLS_KEY", key);
            if options.client_certificates {
                let list = format!("[{}]", pki.ca().display());
                command.env("REGISTRY_HTTP_TLS_CLIENTCAS", list);
            }
        }
        if options.basic {
            let file = folder.path().join("htpasswd");
            fs::write(&file, HTPASSWD).expect("our own folder");
            command.env("REGISTRY_AUTH", "htpasswd");
            command.env("REGISTRY_AUTH_HTPASSWD_REALM", "test");
            command.env("REGISTRY_AUTH_HTPASSWD_PATH", file);
        }
        let token_server = match &options.token {
            None => None,
            Some(tokens) => {
                let server = TokenServer::start(tokens).await;
                ask_for_tokens(&mut command, server.realm(), server.key_set());
                Some(server)
            }
        };
        if let Some(key_set) = &options.key_set {
            ask_for_tokens(&mut command, "http://nobody.test/token", key_set);
        }
        let cdn = if options.redirect_blobs {
            Some(FileServer::start(&data, FileServerOptions::default()).await)
        } else {
            None
        };
        let config = match &cdn {
            None => config,
            Some(cdn) => {
                let text = fs::read_to_string(&config).expect("registry.yml is there");
                let middleware = format!(
                    "middleware: {{storage: [{{name: redirect, options: {{baseurl: \
                     \"http://{}/\"}}}}]}}\n",
                    cdn.host()
                );
                let file = folder.path().join("registry.yml");
                fs::write(&file, text + &middleware).expect("our own folder");
                file
            }
        };
        command.arg("serve").arg(config);
        Self { process: Process::start(command, folder).await, token_server, cdn }
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.process.host()
    }

    /// Returns the requests to its token server so far.
    pub fn token_requests(&self) -> Vec<Served> {
        self.token_server.as_ref().map(TokenServer::requests).unwrap_or_default()
    }

    /// Returns the requests to the place that its blobs are redirected to.
    pub fn cdn_requests(&self) -> Vec<Served> {
        self.cdn.as_ref().map(FileServer::requests).unwrap_or_default()
    }

    /// Returns all that it printed.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Returns the folder of its storage, for a test that spoils a blob.
    pub fn data(&self) -> PathBuf {
        self.process.folder().join("data")
    }

    /// Ends it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it where it stands, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.process.freeze(frozen);
    }
}

fn ask_for_tokens(command: &mut Command, realm: impl AsRef<OsStr>, key_set: impl AsRef<OsStr>) {
    command.env("REGISTRY_AUTH", "token");
    command.env("REGISTRY_AUTH_TOKEN_REALM", realm);
    command.env("REGISTRY_AUTH_TOKEN_SERVICE", "test");
    command.env("REGISTRY_AUTH_TOKEN_ISSUER", "test");
    command.env("REGISTRY_AUTH_TOKEN_JWKS", key_set);
}
