//! One mirror, done by this process, or by a fleet whose coordinator and worker have its hosts: the same
//! config, the same files, the same environment.

use std::fmt::Write as _;

use mirror_tests::binary::{Call, Finished};
use mirror_tests::mirror::Mirror;

use crate::fleet::processes::Fleet;

/// Who mirrors.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    InProcess,
    OverAFleet,
}

/// Everybody who may.
pub(super) const WAYS: [Way; 2] = [Way::InProcess, Way::OverAFleet];

/// A mirror and who does it.
pub(super) struct Done<'m> {
    mirror: &'m Mirror,
    fleet: Option<Fleet>,
}

impl Way {
    /// Puts somebody to work for `mirror`, whose files are there and whose hosts do not change.
    pub(super) async fn begin(self, mirror: &Mirror) -> Done<'_> {
        // Writes the config.
        drop(mirror.sync(&[]));
        let fleet = match self {
            Self::InProcess => None,
            Self::OverAFleet => {
                let mut fleet = Fleet::new(1).await;
                fleet.binary = mirror.binary.clone();
                fleet.coordinator(0, &["--hosts=mirror.yaml"]);
                fleet.worker(0, &["--hosts=mirror.yaml", "--concurrency=2"]);
                Some(fleet)
            }
        };
        Done { mirror, fleet }
    }

    /// Mirrors once.
    pub(super) async fn sync(self, mirror: &Mirror, flags: &[&str]) -> Finished {
        self.begin(mirror).await.sync(flags).await
    }
}

impl Done<'_> {
    /// Mirrors; the fleet's processes live on.
    pub(super) async fn sync(&self, flags: &[&str]) -> Finished {
        match &self.fleet {
            None => self.mirror.sync(flags).run().await,
            Some(fleet) => {
                let call = fleet.sync("mirror.yaml");
                flags.iter().fold(call, Call::arg).run().await
            }
        }
    }

    /// Returns all that the fleet's processes logged so far.
    pub(super) fn logs(&self) -> String {
        let logs = self.fleet.iter().flat_map(Fleet::logs);
        logs.fold(String::new(), |mut all, log| {
            writeln!(all, "{log}").expect("a String takes all");
            all
        })
    }
}
