//! `file-server`: a folder over HTTP, a chart repository or the place blobs are redirected to.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::oci_registry::serve;
use super::process::{Process, folder};
use super::programs::program;
use super::record::{self, Served};
use crate::pki::Pki;

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct FileServerOptions {
    /// Asks for this user and password.
    pub basic: Option<(String, String)>,
    /// Serves HTTPS.
    pub tls: Option<Pki>,
    /// Asks for a client certificate too.
    pub client_certificates: bool,
}

/// A file server that is running.
#[derive(Debug)]
pub struct FileServer {
    process: Process,
    root: PathBuf,
}

impl FileServer {
    /// Starts a server of `root`.
    pub async fn start(root: &Path, options: FileServerOptions) -> Self {
        let folder = folder();
        let mut command = Command::new(program("file-server"));
        command.arg("-dir").arg(root).args(["-requests", "requests.jsonl"]);
        serve(&mut command, options.basic.as_ref(), options.tls.as_ref());
        if let Some(pki) = options.tls.as_ref().filter(|_| options.client_certificates) {
            command.arg("-client-ca").arg(pki.ca());
        }
        Self { process: Process::start(command, folder).await, root: root.to_owned() }
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.process.host()
    }

    /// Returns the folder that is served.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Served> {
        record::read(&self.process.folder().join("requests.jsonl"))
    }
}
