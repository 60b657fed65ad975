//! One mirror, done by this process, or by a fleet whose coordinator and worker have its hosts: the same
//! config, the same files, the same environment.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use mirror_tests::binary::{Call, Finished};
use mirror_tests::mirror::Mirror;

use crate::fleet::processes::Fleet;

/// Every way to be told what was done.
const OUTPUTS: [&[&str]; 4] = [
    &["--retries=0"],
    &["--retries=0", "--verbose"],
    &["--retries=0", "-o=json"],
    &["--retries=0", "-o=yaml"],
];
/// How a secret would look: as it is, in base64 at each offset, as the start of a JWT and in base64 again, the
/// key of signed tokens, a token of a registry of ours.
const FORMS: [&str; 8] =
    ["CaNaRy", "Q2FOYVJ5", "NhTmFSe", "DYU5hUn", "eyJ", "ZXlK", "nWGxne", "scripted-token"];

/// Who mirrors.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    InProcess,
    OverAFleet,
}

/// Everybody who may.
pub(super) const WAYS: [Way; 2] = [Way::InProcess, Way::OverAFleet];

/// Each of some cases, with everybody.
pub(super) fn with_each<T: Copy>(cases: &[T]) -> impl Iterator<Item = (Way, T)> {
    WAYS.into_iter().flat_map(move |way| cases.iter().map(move |case| (way, *case)))
}

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
                fleet.log_level = "trace";
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

    /// Mirrors, and asserts that all went well and that it was said that `provider` gave the credential, and by which of
    /// its sources, where that follows: `azure, by managed identity`.
    pub(super) async fn sync_by(&self, provider: &str) -> Finished {
        let done = self.sync(&["--verbose"]).await;
        done.assert_code(0);
        let said = format!("{}{}", self.logs(), done.stderr);
        assert!(said.contains(&format!("the provider {provider}")), "{said}");
        done
    }

    /// Mirrors again with every output, and asserts that nothing of a secret was printed, logged, reported or
    /// given to NATS, by that and by what is `done`. Each has `CaNaRy` in it; tokens begin as JWTs do.
    pub(super) async fn assert_silent(&self, done: &Finished) {
        let mut shown = vec![done.to_string()];
        for output in OUTPUTS {
            shown.push(self.sync(output).await.to_string());
        }
        shown.push(self.logs());
        let stored = self.fleet.iter().map(|fleet| files(fleet.nats.folder()));
        shown.extend(stored.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        for form in FORMS {
            let found = shown.iter().find(|text| text.contains(form));
            assert!(found.is_none(), "`{form}` shows: {found:?}");
        }
    }

    /// Returns how many processes ask for credentials: this one, or a coordinator and a worker.
    pub(super) fn processes(&self) -> usize {
        if self.fleet.is_some() { 2 } else { 1 }
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

/// All bytes of all files below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let entries =
        fs::read_dir(folder).expect("a folder of ours").map(|entry| entry.expect("an entry"));
    let mut all = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.extend(fs::read(&path).unwrap_or_default());
        }
    }
    all
}
