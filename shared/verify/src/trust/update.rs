//! The trusted root of a public instance, by The Update Framework.
//!
//! sigstore-tuf verifies signatures, versions, expiry and hashes, from a root that is built in. Here
//! is what it leaves open: where files are kept, and what is done where the network is not there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sigstore_trust_root::{SigstoreInstance, TRUSTED_ROOT_TARGET};
use sigstore_tuf::{
    Error, FileStore, MemoryStore, MetadataStore, Repository as Files, StoreRepository, Updater,
};
use tokio::time::timeout;
use url::Url;

use super::remote::{Remote, no_answer, silence};
use super::{Reading, TrustError, TrustedRoot};

/// For all files of an update: each has its own time as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder below that of the caches.
const FOLDER: &str = "sigstore";

/// Any file that every store has, once it was written.
const ROOT: &str = "root.json";

/// A repository, and what is known of it beforehand.
pub(super) struct Instance {
    /// Where it is.
    pub(super) url: String,
    /// The TUF root that trust begins with.
    pub(super) root: Vec<u8>,
}

impl Instance {
    pub(super) fn public_good() -> Self {
        let instance = SigstoreInstance::PublicGood;
        Self { url: instance.tuf_url().to_owned(), root: instance.tuf_root().to_vec() }
    }
}

/// A repository of trusted roots.
pub(super) struct Repository {
    instance: Instance,
    cache: Option<PathBuf>,
    /// Used where no folder can be; kept from update to update.
    memory: Arc<MemoryStore>,
    client: reqwest::Client,
}

impl Repository {
    pub(super) fn new(instance: Instance, cache: Option<PathBuf>, client: reqwest::Client) -> Self {
        Self { instance, cache, memory: Arc::default(), client }
    }

    /// Reads the newest trusted root that can be had at `now`.
    pub(super) async fn read(&self, now: SystemTime) -> Result<Reading, TrustError> {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
        let store = self.store();
        let error = match self.update(Arc::clone(&store), now).await {
            Ok(json) => return Ok(Reading { root: parse(json)?, warning: None }),
            Err(error) => error,
        };
        let Some(reason) = no_answer(&error).map(ToString::to_string) else {
            return Err(self.refused(error));
        };
        // Verified as if it had just come: an expired or damaged cache is none.
        let cached = StoreRepository::new(Arc::clone(&store));
        if let Ok(json) = refresh(cached, &self.instance.root, store, now).await {
            return Ok(Reading { root: parse(json)?, warning: None });
        }
        let warning = format!(
            "cannot reach {} for the trusted root of Sigstore ({reason}); the one that this program \
             was built with is used, and may be out of date",
            self.instance.url,
        );
        Ok(Reading { root: TrustedRoot::embedded()?, warning: Some(warning) })
    }

    async fn update(
        &self,
        store: Arc<dyn MetadataStore>,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let base = Url::parse(&format!("{}/", self.instance.url.trim_end_matches('/')));
        let base = base.map_err(|error| Error::transport_with_source("no URL", error))?;
        let remote = Remote::new(base, self.client.clone());
        let update = refresh(remote, &self.instance.root, store, now);
        timeout(PATIENCE, update).await.unwrap_or_else(|_| Err(silence(PATIENCE)))
    }

    /// Where files are kept: in the folder, if it can be written or has been.
    fn store(&self) -> Arc<dyn MetadataStore> {
        if let Some(cache) = &self.cache {
            let files = FileStore::new(cache.join(FOLDER));
            let is_there = matches!(files.load(ROOT), Ok(Some(_)));
            if is_there || files.store(ROOT, &self.instance.root).is_ok() {
                return Arc::new(files);
            }
        }
        Arc::<MemoryStore>::clone(&self.memory)
    }

    fn refused(&self, error: Error) -> TrustError {
        TrustError::Update { url: self.instance.url.clone(), source: Arc::new(error) }
    }
}

/// Goes through TUF's steps over `files`; what was verified is put into `store`.
async fn refresh(
    files: impl Files + 'static,
    root: &[u8],
    store: Arc<dyn MetadataStore>,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let mut updater = Updater::new(files, root)?.with_store(store);
    updater.refresh(now).await?;
    updater.get_target(TRUSTED_ROOT_TARGET, now).await
}

fn parse(json: Vec<u8>) -> Result<TrustedRoot, TrustError> {
    let json = String::from_utf8(json)
        .map_err(|error| TrustError::Malformed { reason: error.to_string() })?;
    TrustedRoot::from_json(&json)
}
