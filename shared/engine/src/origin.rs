//! Where a job's content comes from: a repository, or a chart that is packed when it is first wanted.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use mirror_charts::{ChartRef, Charts, PackedChart, Pull, PullError, Pulled, chart_layer};
use mirror_model::{Chart, ChartVersion, Source};
use mirror_oci::{
    Blob, Checkpoints, Content, Descriptor, Digest, Manifest, Place, Reference, RepositoryRef,
};
use mirror_registry::{Access, Registries};
use mirror_transport::{Budget, Host, Transfer};
use tokio::sync::OnceCell;

use crate::Engine;
use crate::cause::Cause;
use crate::place::Store;
use crate::tree::{Reader, Tree};

/// Where a job's content comes from.
pub(crate) enum Origin {
    /// A repository, and what it is called.
    Repository { place: Place, store: Store },
    /// A chart of a Helm repository.
    Chart(ChartOrigin),
}

/// A chart that is packed once for all attempts at a job.
pub(crate) struct ChartOrigin {
    charts: Arc<Charts>,
    chart: ChartRef,
    pull: RegistryPull,
    packed: OnceCell<PackedChart>,
}

impl Origin {
    /// Opens where the content of `source` comes from, for one job.
    pub(crate) fn of(engine: &Engine, source: &Source, budget: &Arc<Budget>) -> Self {
        match source {
            Source::Artifact { place, .. } => {
                let store = engine.store(place, Access::Pull, budget);
                Self::Repository { place: place.clone(), store }
            }
            Source::Chart(ChartVersion { chart, version, urls, archive }) => {
                Self::Chart(ChartOrigin {
                    charts: Arc::clone(&engine.charts),
                    chart: chart_ref(chart, version, urls, Some(*archive)),
                    pull: engine.pull(budget),
                    packed: OnceCell::new(),
                })
            }
        }
    }

    /// Reads all manifests below `root`; of a chart, which is packed for it, there is only one.
    pub(crate) async fn read(
        &self,
        engine: &Engine,
        root: Digest,
        destination: &Place,
    ) -> Result<Tree, Cause> {
        match self {
            Self::Repository { place, store } => {
                let (known, source, source_place) = (&engine.known, store, place);
                Reader { known, source, source_place, destination }.read(root).await
            }
            Self::Chart(chart) => Ok(Tree::of_one(chart.packed().await?.root().clone())),
        }
    }

    /// Returns whether reading the manifests moves the content too: an archive is fetched whole.
    pub(crate) fn is_read_whole(&self) -> bool {
        match self {
            Self::Repository { .. } => false,
            Self::Chart(_) => true,
        }
    }

    /// Waits for the right to move one blob from here to `destination`. An archive is here already.
    pub(crate) async fn transfer(
        &self,
        destination: &Store,
        registries: &Registries,
        budget: &Arc<Budget>,
    ) -> Transfer {
        let source = match self {
            Self::Repository { store, .. } => store.host(),
            Self::Chart(_) => None,
        };
        let hosts: Vec<&Arc<Host>> = source.into_iter().chain(destination.host()).collect();
        registries.transport().transfer(&hosts, budget).await
    }
}

impl ChartOrigin {
    async fn packed(&self) -> Result<&PackedChart, Cause> {
        let pack = || async { self.charts.pack(&self.chart, &self.pull, &self.pull.budget).await };
        Ok(self.packed.get_or_try_init(pack).await?)
    }
}

impl Content for Origin {
    type Error = Cause;

    async fn manifest(&self, digest: Digest) -> Result<Manifest, Cause> {
        match self {
            Self::Repository { store, .. } => store.manifest(digest).await,
            Self::Chart(chart) => Ok(chart.packed().await?.manifest(digest).await?),
        }
    }

    async fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        checkpoints: &Checkpoints,
    ) -> Result<Blob<Cause>, Cause> {
        match self {
            Self::Repository { store, .. } => store.blob(blob, offset, checkpoints).await,
            Self::Chart(chart) => {
                let bytes = chart.packed().await?.blob(blob, offset, checkpoints).await?;
                Ok(Blob::new(bytes.map(|chunk| chunk.map_err(Cause::from))))
            }
        }
    }
}

/// Returns what the archive of a chart's version is fetched by.
pub(crate) fn chart_ref(
    chart: &Chart,
    version: &str,
    urls: &[String],
    digest: Option<Digest>,
) -> ChartRef {
    let Chart { repository, name } = chart.clone();
    ChartRef { repository, name, version: version.to_owned(), urls: urls.to_vec(), digest }
}

/// Pulls archives that an index says to pull from a registry.
pub(crate) struct RegistryPull {
    registries: Arc<Registries>,
    budget: Arc<Budget>,
}

/// What a reference leads to that should be a chart.
#[derive(Debug, thiserror::Error)]
enum NoChart {
    /// To nothing.
    #[error("there is no such tag")]
    Absent,
    /// To something else.
    #[error("it is no chart")]
    Other,
}

impl Engine {
    /// Returns a way to pull archives from registries, within `budget`.
    pub(crate) fn pull(&self, budget: &Arc<Budget>) -> RegistryPull {
        RegistryPull { registries: Arc::clone(&self.registries), budget: Arc::clone(budget) }
    }
}

impl Pull for RegistryPull {
    fn pull<'p>(
        &'p self,
        repository: &'p RepositoryRef,
        reference: &'p Reference,
    ) -> BoxFuture<'p, Result<Pulled, PullError>> {
        async move {
            let repository = self.registries.repository(repository, Access::Pull, &self.budget);
            let failed = |error: mirror_registry::RegistryError| {
                let retry = error.retry();
                PullError::new(error, retry)
            };
            let no_chart = |why: NoChart| PullError::new(why, mirror_transport::Retry::Never);
            let manifest = match reference {
                Reference::Digest(digest) => {
                    Some(repository.manifest(*digest).await.map_err(failed)?)
                }
                Reference::Tag(tag) => {
                    let standing = repository.read_tag(tag).await.map_err(failed)?;
                    standing.ok_or_else(|| no_chart(NoChart::Absent))?.manifest
                }
            };
            let layer = manifest.as_ref().and_then(chart_layer);
            let layer = layer.ok_or_else(|| no_chart(NoChart::Other))?;
            let checkpoints = Checkpoints::new(layer.digest);
            let bytes = repository.blob(layer, 0, &checkpoints).await.map_err(failed)?;
            Ok(Pulled {
                size: layer.size,
                bytes: bytes.map(move |one| one.map_err(failed)).boxed(),
            })
        }
        .boxed()
    }
}
