//! Two scripted registries, and the program that mirrors one into the other.

use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use mirror_charts::{Charts, ChartsOptions, RepositoriesFile};
use mirror_credentials::{Credentials, DockerConfig, Providers};
use mirror_engine::{
    Commits, Engine, EngineOptions, JobContext, LocalCommits, LocalDispatch, drive, numbered,
};
use mirror_model::{
    Entry, EntrySource, Event, Limits, Observer, Report, RunId, RunOptions, Status,
};
use mirror_oci::{Place, RepositoryRef};
use mirror_registry::{Registries, RegistriesOptions};
use mirror_selector::{Selector, SelectorSpec};
use mirror_tests::binary::{Binary, Call, Finished};
use mirror_tests::scripted::{Auth, Log, ScriptedOptions, ScriptedRegistry, TokenAuth};
use mirror_transport::{Options, Timing, Transport};
use tokio_util::sync::CancellationToken;

/// Two scripted registries, and the program that mirrors one into the other.
pub(crate) struct Pair {
    pub(crate) source: ScriptedRegistry,
    pub(crate) destination: ScriptedRegistry,
    pub(crate) mirror: Binary,
}

impl Pair {
    /// Two registries that ask nobody who he is.
    pub(crate) fn plain() -> Self {
        Self::of(&ScriptedOptions::default())
    }

    /// Two registries that anybody gets tokens for.
    pub(crate) fn tokens() -> Self {
        let tokens = TokenAuth { anonymous_push: Some(String::new()), ..TokenAuth::default() };
        Self::of(&ScriptedOptions { auth: Auth::Token(tokens), ..ScriptedOptions::default() })
    }

    /// Both: what is counted must not depend on tokens.
    pub(crate) fn both() -> [Self; 2] {
        [Self::plain(), Self::tokens()]
    }

    fn of(options: &ScriptedOptions) -> Self {
        Self {
            source: ScriptedRegistry::start(options.clone()),
            destination: ScriptedRegistry::start(options.clone()),
            mirror: Binary::new(env!("CARGO_BIN_EXE_flux-mirror")),
        }
    }

    /// Writes a config that mirrors all tags of these repositories into those of the same names.
    pub(crate) fn mirrors(&self, repositories: &[&str]) {
        let pairs: Vec<_> = repositories.iter().map(|name| (*name, *name, "")).collect();
        self.entries(&pairs);
    }

    /// Writes a config of these entries: source, destination, and more YAML in flow style.
    pub(crate) fn entries(&self, entries: &[(&str, &str, &str)]) {
        let hosts = (self.source.host(), self.destination.host());
        let mut config =
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n".to_owned();
        for (source, destination, more) in entries {
            let more = if more.is_empty() { String::new() } else { format!(", {more}") };
            writeln!(
                config,
                "  - {{source: {}/{source}, destination: {}/{destination}, selector: {{limit: 0}}{more}}}",
                hosts.0, hosts.1
            )
            .unwrap();
        }
        self.mirror.write("mirror.yaml", config);
    }

    /// Begins a call of `sync` with a report on stdout.
    pub(crate) fn sync<const N: usize>(&self, flags: [&str; N]) -> Call {
        let call = self.mirror.call(["sync", "mirror.yaml", "-o", "json"]);
        flags.into_iter().fold(call, Call::arg)
    }

    /// Runs `sync`, which is to end well.
    pub(crate) async fn sync_well(&self) -> Finished {
        let done = self.sync([]).run().await;
        done.assert_code(0);
        done
    }

    /// Returns the requests about a repository at the source, without the challenges.
    pub(crate) fn asked_source(&self, repository: &str) -> Log {
        self.source.log().of(repository).admitted()
    }

    /// Returns the requests about a repository at the destination, without the challenges.
    pub(crate) fn asked(&self, repository: &str) -> Log {
        self.destination.log().of(repository).admitted()
    }

    /// Returns a run of the library over these registries, with all tags of these repositories.
    pub(crate) fn run(&self, repositories: &[&str]) -> Run {
        let entry = |name: &&str| {
            let place =
                |host: String| -> RepositoryRef { format!("{host}/{name}").parse().unwrap() };
            let (source, destination) = (place(self.source.host()), place(self.destination.host()));
            Entry {
                source_name: source.to_string(),
                destination_name: destination.to_string(),
                source: EntrySource::Artifact {
                    place: Place::Registry(source),
                    referrers: false,
                    verify: None,
                },
                destination: Place::Registry(destination),
                selector: Selector::compile(SelectorSpec::default()).unwrap(),
                overwrite: false,
            }
        };
        Run {
            entries: repositories.iter().map(entry).collect(),
            timing: Timing::default(),
            limits: Limits {
                attempts: NonZeroU32::MIN,
                timeout: Duration::from_mins(1),
                blobs: NonZeroU32::new(4).unwrap(),
            },
            concurrency: NonZeroUsize::new(4).unwrap(),
            commits: None,
            cancel: CancellationToken::new(),
        }
    }
}

/// What asks a run's engine for the right to write.
type MakeCommits = Box<dyn FnOnce(&Arc<Engine>) -> Arc<dyn Commits> + Send>;

/// A run of the library, where the program has no flag for what a test needs.
pub(crate) struct Run {
    pub(crate) entries: Vec<Entry>,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) commits: Option<MakeCommits>,
    pub(crate) cancel: CancellationToken,
}

struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _: Event) {}
}

impl Run {
    /// Runs it to its report.
    pub(crate) async fn report(self) -> Report {
        let Self { entries, timing, limits, concurrency, commits, cancel } = self;
        let transport =
            Transport::new(Options { insecure: false, user_agent: "test".to_owned(), timing });
        let registries = Registries::new(RegistriesOptions {
            transport,
            credentials: Credentials::new(
                std::collections::HashMap::new(),
                DockerConfig::from_environment(&|_| None),
                Providers::none(),
            ),
            chunks: std::collections::HashMap::new(),
            tls: std::collections::HashMap::new(),
            notices: Arc::new(|_| ()),
        });
        let repositories = RepositoriesFile::default();
        let transport = registries.transport().clone();
        let charts =
            Charts::new(ChartsOptions { transport, repositories, notices: Arc::new(|_| ()) });
        let signatures = None;
        let engine = Engine::new(EngineOptions { registries, concurrency, charts, signatures });
        let commits = match commits {
            Some(make) => make(&engine),
            None => Arc::new(LocalCommits::new(Arc::clone(&engine))),
        };
        let observer: Arc<dyn Observer> = Arc::new(Nobody);
        let context =
            JobContext { observer: Arc::clone(&observer), commits, cancel: cancel.clone() };
        let dispatch = LocalDispatch::new(Arc::clone(&engine), context);
        let options = RunOptions { overwrite: false, dry_run: false, concurrency, limits };
        let plan = Arc::clone(&engine).plan(RunId(1), numbered(&entries), options, cancel.clone());
        drive(engine, &entries, plan, &dispatch, observer, cancel).await
    }

    /// Runs it and returns each row of its first entry: tag, status, error.
    pub(crate) async fn rows(self) -> Vec<(String, &'static str, String)> {
        let report = self.report().await;
        let rows = report.entries[0].rows.as_ref().unwrap();
        let row = |row: &mirror_model::Row| {
            let error = if let Status::Failed(failure) = &row.status {
                failure.message.clone()
            } else {
                String::new()
            };
            (row.tag.clone(), row.status.as_str(), error)
        };
        rows.iter().map(row).collect()
    }
}

/// Returns the rows of an entry of a JSON report: tag, status, error.
#[track_caller]
pub(crate) fn rows(done: &Finished, entry: usize) -> Vec<(String, String, String)> {
    let report = done.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = report["report"]["results"][entry]["tags"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("no entry {entry}\n{done}"));
    rows.iter().map(|row| (text(&row["tag"]), text(&row["status"]), text(&row["error"]))).collect()
}

/// Asserts tags and statuses of an entry's rows.
#[track_caller]
pub(crate) fn assert_rows(done: &Finished, entry: usize, expected: &[(&str, &str)]) {
    let rows = rows(done, entry);
    let found: Vec<_> =
        rows.iter().map(|(tag, status, _)| (tag.as_str(), status.as_str())).collect();
    assert_eq!(found, expected, "{done}");
}

/// Returns the error of a single row that failed.
#[track_caller]
pub(crate) fn error_of(done: &Finished, entry: usize, tag: &str) -> String {
    let rows = rows(done, entry);
    let row = rows.into_iter().find(|(found, _, _)| found == tag);
    let (_, status, error) = row.unwrap_or_else(|| panic!("no row {tag}\n{done}"));
    assert_eq!(status, "failed", "{done}");
    error
}
