//! The engine of one run: what its plans, looks and jobs share.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use mirror_charts::Charts;
use mirror_layout::Layout;
use mirror_oci::{LayoutPath, Place};
use mirror_registry::{Access, Registries};
use mirror_transport::Budget;
use tokio::sync::Semaphore;

use crate::evidence::Signatures;
use crate::indexes::Indexes;
use crate::known::Known;
use crate::look::Looks;
use crate::place::Store;

/// What an engine needs.
pub struct EngineOptions {
    /// How registries are reached.
    pub registries: Arc<Registries>,
    /// Tags that are copied at once.
    pub concurrency: NonZeroUsize,
    /// How chart repositories are read.
    pub charts: Arc<Charts>,
    /// How signatures are judged; who executes jobs alone need not know.
    pub signatures: Option<Signatures>,
}

/// Plans a run, looks at destinations, and executes jobs.
pub struct Engine {
    pub(crate) registries: Arc<Registries>,
    /// Tags being copied.
    pub(crate) permits: Semaphore,
    pub(crate) known: Known,
    pub(crate) looks: Looks,
    pub(crate) charts: Arc<Charts>,
    /// The indexes of the run's chart repositories.
    pub(crate) indexes: Indexes,
    pub(crate) signatures: Option<Signatures>,
    /// The user knows what there is to be known of the trusted root.
    pub(crate) told_trust: AtomicBool,
    /// And that there is no root at all.
    pub(crate) told_no_trust: AtomicBool,
    layouts: Mutex<HashMap<LayoutPath, Layout>>,
}

impl Engine {
    /// Makes the engine of one run; what the run learns goes with it.
    pub fn new(options: EngineOptions) -> Arc<Self> {
        let EngineOptions { registries, concurrency, charts, signatures } = options;
        Arc::new(Self {
            registries,
            permits: Semaphore::new(concurrency.get()),
            known: Known::default(),
            looks: Looks::default(),
            charts,
            indexes: Indexes::default(),
            signatures,
            told_trust: AtomicBool::new(false),
            told_no_trust: AtomicBool::new(false),
            layouts: Mutex::default(),
        })
    }

    /// Opens a place for one piece of work.
    pub(crate) fn store(&self, place: &Place, access: Access, budget: &Arc<Budget>) -> Store {
        match place {
            Place::Registry(repository) => {
                Store::Registry(self.registries.repository(repository, access, budget))
            }
            Place::Layout(path) => {
                let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
                let layout = layouts.entry(path.clone()).or_insert_with(|| Layout::at(path));
                Store::Layout(layout.clone())
            }
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Engine")
    }
}
