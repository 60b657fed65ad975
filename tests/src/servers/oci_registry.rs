//! `oci-registry`: the in-memory registry with the referrers API, paging and a record.

use std::process::Command;

use super::process::{Process, folder};
use super::programs::program;
use super::record::{self, Served};
use crate::pki::Pki;
use crate::ports;

/// How the registry behaves; the default is everything the specification has.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the server's")]
pub struct OciRegistryOptions {
    /// Most tags in a page.
    pub page: Option<usize>,
    /// Refuses to move a tag: 403 DENIED.
    pub immutable_tags: bool,
    /// Has no referrers API.
    pub no_referrers: bool,
    /// Does not filter referrers.
    pub no_referrers_filter: bool,
    /// Leaves the digest out of the answer to GET of a tag.
    pub no_digest_header: bool,
    /// Asks for this user and password.
    pub basic: Option<(String, String)>,
    /// Serves HTTPS.
    pub tls: Option<Pki>,
    /// Asks for a client certificate too.
    pub client_certificates: bool,
}

/// A registry that is running.
#[derive(Debug)]
pub struct OciRegistry {
    process: Process,
}

impl OciRegistry {
    /// Starts a registry.
    pub async fn start(options: OciRegistryOptions) -> Self {
        let folder = folder();
        let mut command = Command::new(program("oci-registry"));
        command.args(["-requests", "requests.jsonl"]);
        if let Some(page) = options.page {
            command.arg(format!("-page={page}"));
        }
        command.arg(format!("-immutable-tags={}", options.immutable_tags));
        command.arg(format!("-referrers={}", !options.no_referrers));
        command.arg(format!("-referrers-filter={}", !options.no_referrers_filter));
        command.arg(format!("-no-digest-header={}", options.no_digest_header));
        serve(&mut command, options.basic.as_ref(), options.tls.as_ref());
        if let Some(pki) = options.tls.as_ref().filter(|_| options.client_certificates) {
            command.arg("-client-ca").arg(pki.ca());
        }
        Self { process: Process::start(command, folder).await }
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.process.host()
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Served> {
        record::read(&self.process.folder().join("requests.jsonl"))
    }

    /// Returns all that it printed.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Ends it; what it held is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it where it stands, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.process.freeze(frozen);
    }
}

/// Adds what every HTTP server of ours understands.
pub(super) fn serve(command: &mut Command, basic: Option<&(String, String)>, tls: Option<&Pki>) {
    command.arg("-addr").arg(ports::free().to_string());
    if let Some((user, password)) = basic {
        command.arg("-basic").arg(format!("{user}:{password}"));
    }
    if let Some(pki) = tls {
        let (certificate, key) = pki.server();
        command.arg("-tls-cert").arg(certificate).arg("-tls-key").arg(key);
    }
}
