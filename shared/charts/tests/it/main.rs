//! Chart repositories through the crate's public doors, over real connections.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod access;
mod archives;
mod broken;
#[cfg(feature = "test-clients")]
mod helm;
mod indexes;
mod tls;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use mirror_charts::{
    ChartError, ChartRef, Charts, ChartsOptions, Index, Notice, Pull, PullError, Pulled,
    RepositoriesFile,
};
use mirror_oci::{Digest, Reference, RepositoryRef};
use mirror_tests::scripted::{Answer, Fault, Kind, Rule, Scripted, ScriptedRegistry};
use mirror_transport::{Budget, Options, Retry, Timing, Transport};
use tempfile::TempDir;

/// A scripted chart repository, below `/charts`, and a reader of it with a Helm configuration of its own.
struct Bench {
    server: ScriptedRegistry,
    charts: Arc<Charts>,
    transport: Transport,
    folder: TempDir,
    registry: Registry,
    /// What was to be known.
    told: Arc<Mutex<Vec<Notice>>>,
}

impl Bench {
    fn new() -> Self {
        Self::with(ScriptedRegistry::plain())
    }

    fn with(server: ScriptedRegistry) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("repositories.yaml").display().to_string();
        let environment =
            move |name: &str| (name == "HELM_REPOSITORY_CONFIG").then(|| config.clone());
        let (transport, told) = (transport(), Arc::<Mutex<Vec<Notice>>>::default());
        let charts = Charts::new(ChartsOptions {
            transport: transport.clone(),
            repositories: RepositoriesFile::from_environment(&environment),
            notices: Arc::new({
                let told = Arc::clone(&told);
                move |notice| told.lock().unwrap().push(notice)
            }),
        });
        Self { server, charts, transport, folder, registry: Registry::default(), told }
    }

    /// The repository's URL.
    fn url(&self) -> String {
        format!("{}/charts", self.server.url())
    }

    /// Serves something below the repository.
    fn serve(&self, path: &str, answer: Answer) -> Scripted {
        let rule = Rule::on(Kind::Other).method("GET").target(&format!("/charts/{path}"));
        self.server.script(rule, Fault::answer(answer))
    }

    /// Serves bytes below the repository.
    fn serve_bytes(&self, path: &str, bytes: impl Into<Bytes>) -> Scripted {
        self.serve(path, Answer::status(200).body(bytes))
    }

    /// Writes Helm's file, with these fields of an entry for the repository.
    fn helm_knows(&self, fields: &str) -> PathBuf {
        let path = self.folder.path().join("repositories.yaml");
        let text = format!("repositories:\n- {{name: private, url: '{}', {fields}}}\n", self.url());
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn index(&self) -> Result<Arc<Index>, ChartError> {
        self.charts.index(&self.url(), &wanted(&["app"]), &budget()).await
    }

    /// A chart of the repository, by what the index says of it.
    fn chart(&self, urls: &[&str], digest: Option<Digest>) -> ChartRef {
        ChartRef {
            repository: self.url(),
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            digest,
        }
    }

    async fn pack(&self, chart: &ChartRef) -> Result<mirror_charts::PackedChart, ChartError> {
        self.charts.pack(chart, &self.registry, &budget()).await
    }

    /// The paths that were asked for, in order.
    fn asked(&self) -> Vec<String> {
        let log = self.server.log();
        log.entries().iter().map(|entry| entry.target.clone()).collect()
    }

    /// Who was shown to what was asked for, in order.
    fn shown(&self) -> Vec<Option<String>> {
        let log = self.server.log();
        log.entries().iter().map(|entry| entry.authorization.clone()).collect()
    }
}

fn transport() -> Transport {
    Transport::new(Options {
        insecure: false,
        user_agent: "test".to_owned(),
        timing: Timing::default(),
    })
}

fn budget() -> Arc<Budget> {
    Budget::new(Duration::from_secs(60))
}

fn wanted(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An error with its causes.
fn text(error: &ChartError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A registry that gives what it was told to, and remembers what it was asked for.
#[derive(Default)]
struct Registry {
    archive: Mutex<Option<Bytes>>,
    asked: Mutex<Vec<String>>,
}

impl Pull for Registry {
    fn pull<'p>(
        &'p self,
        repository: &'p RepositoryRef,
        reference: &'p Reference,
    ) -> BoxFuture<'p, Result<Pulled, PullError>> {
        self.asked.lock().unwrap().push(format!("{repository} {reference}"));
        let archive = self.archive.lock().unwrap().clone();
        async move {
            let archive =
                archive.ok_or_else(|| PullError::new("it is not there", Retry::Backoff))?;
            let size = archive.len() as u64;
            Ok(Pulled { size, bytes: stream::iter([Ok(archive)]).boxed() })
        }
        .boxed()
    }
}

/// What the engine spawns has to be able to move between threads.
#[test]
fn work_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let bench = Bench::new();
    let (chart, budget, wanted) = (bench.chart(&[], None), budget(), wanted(&[]));
    is_send(&bench.charts.pack(&chart, &bench.registry, &budget));
    is_send(&bench.charts.digest(&chart, &bench.registry, &budget));
    is_send(&bench.charts.index("", &wanted, &budget));
}
