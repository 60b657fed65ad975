//! `workload-api`: the SPIFFE Workload API, one identity a socket, all of one trust domain.

use std::path::PathBuf;
use std::process::Command;

use super::process::{Process, folder};
use super::programs::program;

/// A Workload API that is running.
#[derive(Debug)]
pub struct WorkloadApi {
    process: Process,
}

impl WorkloadApi {
    /// Starts one for these identities of `test.example` (`mirror` is `spiffe://test.example/mirror`),
    /// whose SVIDs live for so many seconds and are renewed after half of them.
    pub async fn start(identities: &[&str], life_seconds: u64) -> Self {
        let folder = folder();
        let mut command = Command::new(program("workload-api"));
        command.arg(format!("-life={life_seconds}s")).args(["-bundle", "bundle.pem"]);
        for name in identities {
            let socket = folder.path().join(format!("{name}.sock"));
            command.arg("-serve").arg(format!("/{name}={}", socket.display()));
        }
        let count = identities.len();
        let ready = move |output: &str| {
            (output.matches("listening on").count() == count && output.ends_with('\n')).then_some(0)
        };
        Self { process: Process::start_until(command, folder, ready).await }
    }

    /// Returns the address of an identity's socket, as `SPIFFE_ENDPOINT_SOCKET` takes it.
    pub fn endpoint(&self, identity: &str) -> String {
        format!("unix://{}", self.process.folder().join(format!("{identity}.sock")).display())
    }

    /// Returns the trust domain's certificate.
    pub fn bundle(&self) -> PathBuf {
        self.process.folder().join("bundle.pem")
    }

    /// Stops it where it stands, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.process.freeze(frozen);
    }
}
