//! Copying a tree of content: blobs before manifests, children before parents, all but the tag.

use std::sync::Arc;

use mirror_model::{BlobOutcome, Event, Job, Observer};
use mirror_oci::{Descriptor, Digest, Manifest, Place, RegistryHost};
use mirror_registry::{Mounted, Session};
use mirror_transport::Budget;
use tokio::task::JoinSet;

use crate::Engine;
use crate::cause::Cause;
use crate::known::Claim;
use crate::meter::JobMeter;
use crate::origin::Origin;
use crate::place::Store;
use crate::tree::Tree;

/// One job's copying.
pub(crate) struct Copying {
    pub(crate) engine: Arc<Engine>,
    pub(crate) job: Job,
    pub(crate) source: Origin,
    pub(crate) destination: Store,
    pub(crate) budget: Arc<Budget>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) meter: JobMeter,
}

impl Copying {
    /// Tells how much of `tree` the destination may lack.
    pub(crate) fn tell_size(&self, tree: &Tree) {
        let place = self.place();
        let missing = tree.blobs.iter().filter(|blob| !self.engine.known.has(place, &blob.digest));
        // Sizes are the source's word: together they may be more than there are numbers.
        let bytes = missing.map(|blob| blob.size).fold(0, u64::saturating_add);
        self.observer.observe(Event::JobSized { job: self.job.id, bytes });
    }

    /// Brings all that `tree` is made of to the destination, but for the root's manifest; `most` parts of
    /// it at once.
    pub(crate) async fn copy(self: &Arc<Self>, tree: &Tree, most: usize) -> Result<(), Cause> {
        let blobs = tree.blobs.iter().cloned();
        self.side_by_side(blobs, most, |copying, blob| async move { copying.blob(&blob).await })
            .await?;
        for level in tree.levels.iter().rev() {
            let level = level.iter().cloned();
            self.side_by_side(level, most, |copying, manifest| async move {
                copying.child(&manifest).await
            })
            .await?;
        }
        Ok(())
    }

    /// Returns how many parts of the job may be under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        usize::try_from(self.job.limits.blobs.get()).unwrap_or(usize::MAX)
    }

    fn place(&self) -> &Place {
        &self.job.destination.place
    }

    /// Runs a task for each item, `most` at once; the first error ends all.
    async fn side_by_side<T, F>(
        self: &Arc<Self>,
        items: impl Iterator<Item = T>,
        most: usize,
        work: impl Fn(Arc<Self>, T) -> F,
    ) -> Result<(), Cause>
    where
        T: Send + 'static,
        F: Future<Output = Result<(), Cause>> + Send + 'static,
    {
        let _waiting = self.budget.wait();
        let mut tasks = JoinSet::new();
        for item in items {
            if tasks.len() >= most {
                join(&mut tasks).await?;
            }
            let working = self.budget.work();
            let work = work(Arc::clone(self), item);
            tasks.spawn(async move {
                let done = work.await;
                drop(working);
                done
            });
        }
        while !tasks.is_empty() {
            join(&mut tasks).await?;
        }
        Ok(())
    }

    /// Brings one blob, if it is not there: from elsewhere in the registry, or from the source.
    async fn blob(&self, blob: &Descriptor) -> Result<(), Cause> {
        let known = &self.engine.known;
        let place = self.place();
        let _arrival = {
            let _waiting = self.budget.wait();
            known.arrival(place, &blob.digest).await
        };
        let (how, journey) = match place {
            _ if known.has(place, &blob.digest) => (BlobOutcome::Existing, None),
            Place::Registry(repository) => {
                let journey = self.journey(blob, &repository.host).await;
                (self.bring(blob, &repository.host).await?, journey)
            }
            Place::Layout(_) => (self.send(blob, None).await?, None),
        };
        known.add(place, blob.digest);
        // Whoever waits for its end finds the blob known.
        drop(journey);
        self.observer.observe(Event::BlobSettled { job: self.job.id, digest: blob.digest, how });
        Ok(())
    }

    /// Takes on the journey of a blob into a registry, where it travels once; `None` where it is there by then,
    /// and only to be mounted.
    async fn journey(
        &self,
        blob: &Descriptor,
        host: &RegistryHost,
    ) -> Option<Claim<(RegistryHost, Digest)>> {
        let known = &self.engine.known;
        if known.is_in_registry(host, &blob.digest) {
            return None;
        }
        let claimed = {
            let _waiting = self.budget.wait();
            known.journey(host, &blob.digest).await
        };
        (!known.is_in_registry(host, &blob.digest)).then_some(claimed)
    }

    /// Brings a blob into a registry: from elsewhere in it, or from the source.
    async fn bring(&self, blob: &Descriptor, host: &RegistryHost) -> Result<BlobOutcome, Cause> {
        match self.mount(blob, host).await? {
            Mounted::Yes => Ok(BlobOutcome::Mounted),
            Mounted::No(session) => self.send(blob, Some(session)).await,
            Mounted::Refused => self.send(blob, None).await,
        }
    }

    /// Asks for a mount where this run has put the blob elsewhere in the registry.
    async fn mount(&self, blob: &Descriptor, host: &RegistryHost) -> Result<Mounted, Cause> {
        let known = &self.engine.known;
        let Place::Registry(into) = self.place() else { return Ok(Mounted::Refused) };
        if known.is_distrusted(self.place(), &blob.digest) {
            return Ok(Mounted::Refused);
        }
        let Some(from) = known.mount_source(host, &blob.digest, &into.name) else {
            return Ok(Mounted::Refused);
        };
        let mounted = self.destination.mount(&blob.digest, &from).await?;
        if matches!(mounted, Mounted::Refused) {
            known.refuse_mount(host, &from, &into.name);
        }
        Ok(mounted)
    }

    /// Sends a blob from the source, unless the destination says that it has it.
    async fn send(&self, blob: &Descriptor, open: Option<Session>) -> Result<BlobOutcome, Cause> {
        let known = &self.engine.known;
        let asks = open.is_none()
            && !known.is_fresh(self.place())
            && !known.is_distrusted(self.place(), &blob.digest);
        if asks && self.destination.has_blob(blob).await? {
            return Ok(BlobOutcome::Existing);
        }
        let registries = &self.engine.registries;
        let _transfer = self.source.transfer(&self.destination, registries, &self.budget).await;
        self.destination.put_blob(&self.source, blob, open, &self.meter.meter()).await?;
        Ok(BlobOutcome::Pushed)
    }

    /// Writes one manifest below the root, if it is not known to be there.
    async fn child(&self, manifest: &Manifest) -> Result<(), Cause> {
        let (known, digest) = (&self.engine.known, manifest.descriptor.digest);
        let _arrival = {
            let _waiting = self.budget.wait();
            known.arrival(self.place(), &digest).await
        };
        if known.has(self.place(), &digest) {
            return Ok(());
        }
        self.destination.put_manifest(manifest).await?;
        known.add(self.place(), digest);
        self.pushed(manifest);
        Ok(())
    }

    /// Tells of a manifest that was written.
    pub(crate) fn pushed(&self, manifest: &Manifest) {
        self.meter.count(manifest.descriptor.size);
        let Descriptor { digest, media_type, .. } = manifest.descriptor.clone();
        self.observer.observe(Event::ManifestPushed { job: self.job.id, digest, media_type });
    }
}

/// Waits for one task; a panic in it is one here, and so the job's failed row.
async fn join(tasks: &mut JoinSet<Result<(), Cause>>) -> Result<(), Cause> {
    match tasks.join_next().await {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Aborted: the runtime is shutting down, and so is this.
            Err(_aborted) => std::future::pending().await,
        },
    }
}
