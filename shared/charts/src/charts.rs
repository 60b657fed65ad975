//! Chart repositories over HTTP: their indexes and their archives.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirror_oci::Digest;
use mirror_transport::{Budget, Transport};
use tokio::sync::Semaphore;
use url::Url;

use crate::access::{Access, Settings};
use crate::fetch::Archive;
use crate::packed::PackedChart;
use crate::request::authority;
use crate::{ChartError, Index, Notice, Notices, Pull, RepositoriesFile};

/// Indexes that are read at once: each takes up to 64 MiB while it is.
const INDEXES_AT_ONCE: usize = 2;
/// Archives that are fetched for nothing but their digest at once.
const HASHED_AT_ONCE: usize = 4;
/// Archives that are unpacked at once: each takes tens of MiB beside its room while its metadata is read.
const PACKED_AT_ONCE: usize = 4;
/// Repositories that are remembered to have been asked where they stand: others are asked again.
const MOST_ASKED: usize = 1_000;
/// Hosts and sources of users that are remembered to have been told: others are told again.
const MOST_TOLD: usize = 1_000;
/// Indexes that are kept, to be asked for only where they have changed: what is wanted of each.
const MOST_KEPT: usize = 16;
/// Versions of an index that is kept: some megabytes.
const MOST_KEPT_VERSIONS: usize = 10_000;
/// What all archives that are held may take, in MiB: two of the largest, and hundreds of most.
pub(crate) const ROOM_MIB: u32 = 256;

/// What chart repositories are reached by.
#[derive(Clone)]
pub struct ChartsOptions {
    /// How requests are sent.
    pub transport: Transport,
    /// What lets us in.
    pub repositories: RepositoriesFile,
    /// Who is told what is to be known of them.
    pub notices: Notices,
}

/// All chart repositories of a process.
pub struct Charts {
    pub(crate) options: ChartsOptions,
    pub(crate) room: Arc<Semaphore>,
    settings: Settings,
    indexes: Semaphore,
    hashed: Semaphore,
    pub(crate) packing: Arc<Semaphore>,
    /// Repositories that are asked where they stand.
    asked: Mutex<HashMap<String, Arc<Asked>>>,
    told: Mutex<HashSet<Notice>>,
    /// By repository: for the next run of this process.
    kept: Mutex<HashMap<String, Arc<Index>>>,
}

/// Whether a repository has answered where it stands; locked while it is asked.
pub(crate) type Asked = tokio::sync::Mutex<bool>;

/// A version of a chart, and where its archive may be had.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChartRef {
    /// The repository's URL.
    pub repository: String,
    /// The chart.
    pub name: String,
    /// The version as written.
    pub version: String,
    /// Where from, in order, as the index has it.
    pub urls: Vec<String>,
    /// What its archive must hash to; `None` where nobody knows yet.
    pub digest: Option<Digest>,
}

impl Charts {
    /// Takes what chart repositories are reached by; nothing is asked before the first question.
    pub fn new(options: ChartsOptions) -> Arc<Self> {
        Arc::new(Self {
            options,
            room: Arc::new(Semaphore::new(ROOM_MIB as usize)),
            settings: Settings::default(),
            indexes: Semaphore::new(INDEXES_AT_ONCE),
            hashed: Semaphore::new(HASHED_AT_ONCE),
            packing: Arc::new(Semaphore::new(PACKED_AT_ONCE)),
            asked: Mutex::default(),
            told: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// Reads the index of a repository, of which the charts in `wanted` are kept.
    ///
    /// Where one that was read before has them, the repository is asked whether it has changed since.
    ///
    /// # Errors
    /// See [`ChartError`]. A refusal is an error, never "there are none".
    pub async fn index(
        &self,
        repository: &str,
        wanted: &BTreeSet<String>,
        budget: &Arc<Budget>,
    ) -> Result<Arc<Index>, ChartError> {
        let _turn = {
            let _waiting = budget.wait();
            self.indexes.acquire().await
        };
        let access = self.access(repository).await?;
        let known = self.kept().get(repository).filter(|known| known.covers(wanted)).cloned();
        let index = self.read_index(&access, wanted, known.as_ref(), budget).await?;
        if index.etag.is_some() && index.size() <= MOST_KEPT_VERSIONS {
            let mut kept = self.kept();
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
            kept.insert(repository.to_owned(), Arc::clone(&index));
        }
        Ok(index)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Arc<Index>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches a chart's archive, reads it whole, and packs it.
    ///
    /// # Errors
    /// See [`ChartError`]; of several URLs, why none of them worked.
    pub async fn pack(
        &self,
        chart: &ChartRef,
        pull: &dyn Pull,
        budget: &Arc<Budget>,
    ) -> Result<PackedChart, ChartError> {
        let access = self.access(&chart.repository).await?;
        let archive = Archive { charts: self, chart, access: &access, pull, budget };
        let mut failures = Vec::new();
        for reference in &chart.urls {
            match archive.pack(reference).await {
                Ok(packed) => return Ok(packed),
                Err(error) => failures.push(error),
            }
        }
        Err(none_works(chart, failures))
    }

    /// Fetches a chart's archive for its digest alone.
    ///
    /// # Errors
    /// See [`ChartError`]; of several URLs, why none of them worked.
    pub async fn digest(
        &self,
        chart: &ChartRef,
        pull: &dyn Pull,
        budget: &Arc<Budget>,
    ) -> Result<Digest, ChartError> {
        let _turn = {
            let _waiting = budget.wait();
            self.hashed.acquire().await
        };
        let access = self.access(&chart.repository).await?;
        let archive = Archive { charts: self, chart, access: &access, pull, budget };
        let mut failures = Vec::new();
        for reference in &chart.urls {
            match archive.hash(reference).await {
                Ok(digest) => return Ok(digest),
                Err(error) => failures.push(error),
            }
        }
        Err(none_works(chart, failures))
    }

    async fn access(&self, repository: &str) -> Result<Access, ChartError> {
        let parsed = Url::parse(repository).ok();
        let Some(url) = parsed.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            let text = repository.chars().take(160).collect();
            return Err(ChartError::Repository { text });
        };
        let access = Access::to(url, &self.options.repositories, &self.settings).await?;
        let (host, source) = (authority(&access.repository), access.source());
        self.tell(Notice::Credential { host, source });
        Ok(access)
    }

    /// Tells what has not been told yet.
    fn tell(&self, notice: Notice) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(&notice) {
            return;
        }
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        told.insert(notice.clone());
        drop(told);
        (self.options.notices)(notice);
    }

    /// Returns the turn to ask a repository where it stands.
    pub(crate) fn asked(&self, repository: &str) -> Arc<Asked> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST_ASKED && !asked.contains_key(repository) {
            asked.clear();
        }
        Arc::clone(asked.entry(repository.to_owned()).or_default())
    }
}

impl fmt::Debug for Charts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Charts")
    }
}

impl fmt::Debug for ChartRef {
    /// Not its URLs: their queries may be signed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

/// Says why no URL of a chart works.
fn none_works(chart: &ChartRef, mut failures: Vec<ChartError>) -> ChartError {
    let ChartRef { name, version, .. } = chart.clone();
    match failures.len() {
        0 => ChartError::NoUrl { chart: name, version },
        1 => failures.remove(0),
        _ => ChartError::NoneWorks { chart: name, version, failures },
    }
}
