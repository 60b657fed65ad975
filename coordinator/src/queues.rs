//! The regions' work queues, and what to do where one is absent.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirror_oci::{Place, RegistryHost};
use mirror_queue::{
    Depth, JobStream, JobStreamOptions, Nats, Published, QueueError, Region, Timing,
};
use mirror_transport::boot_time;

use crate::leader::Publish;

/// The regions' work queues.
#[derive(Debug)]
pub(crate) struct Queues {
    of_regions: HashMap<Region, Queue>,
    regions: BTreeMap<RegistryHost, Region>,
    default: Region,
    replicas: usize,
    timing: Timing,
}

#[derive(Debug)]
struct Queue {
    stream: JobStream,
    known: Mutex<Known>,
}

/// What NATS has forgotten of a region's jobs.
#[derive(Debug)]
pub(crate) enum Forgotten<J> {
    /// These, of those that were asked for.
    Some(Vec<J>),
    /// All: the stream is another one.
    All,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// When it was made.
    created: Option<i128>,
    /// Since when it has been absent.
    absent_since: Option<Duration>,
}

impl Queues {
    /// Opens the queues of all regions.
    pub(crate) async fn open(
        nats: &Nats,
        regions: BTreeMap<RegistryHost, Region>,
        default: Region,
        replicas: usize,
        timing: Timing,
    ) -> Result<Arc<Self>, QueueError> {
        let options = JobStreamOptions { replicas, ack_wait: timing.ack_wait() };
        let mut queues = HashMap::new();
        for region in regions.values().chain([&default]) {
            if !queues.contains_key(region) {
                let stream = JobStream::open(nats, region, options).await?;
                let created = stream.created().await?;
                let known = Mutex::new(Known { created, absent_since: None });
                queues.insert(region.clone(), Queue { stream, known });
            }
        }
        Ok(Arc::new(Self { of_regions: queues, regions, default, replicas, timing }))
    }

    /// Returns the region whose workers write to a place.
    pub(crate) fn region(&self, place: &Place) -> &Region {
        match place {
            Place::Registry(repository) => {
                self.regions.get(&repository.host).unwrap_or(&self.default)
            }
            Place::Layout(_) => &self.default,
        }
    }

    /// Publishes a job; where its stream is absent, makes it again.
    pub(crate) async fn publish(&self, publish: Publish) -> Result<Published, QueueError> {
        let Publish { region, run, job, number, alone, message } = publish;
        let queue = self.queue(&region)?;
        let published = queue.stream.publish(run, job, number, alone, message.clone()).await;
        match published {
            Err(error) if error.retry() && self.make(queue).await? => {
                queue.stream.publish(run, job, number, alone, message).await
            }
            published => published,
        }
    }

    /// Makes a stream again that is absent: at once on a single node, after a while where it has
    /// replicas, since a cluster that is only beginning does not know its streams yet. Returns whether
    /// it did.
    async fn make(&self, queue: &Queue) -> Result<bool, QueueError> {
        if queue.stream.created().await?.is_some() {
            queue.lock().absent_since = None;
            return Ok(false);
        }
        let now = boot_time();
        let since = *queue.lock().absent_since.get_or_insert(now);
        if self.replicas > 1 && now < since + self.timing.replicas() {
            return Ok(false);
        }
        queue.stream.make().await?;
        queue.lock().absent_since = None;
        Ok(true)
    }

    /// Finds out which of the messages NATS has forgotten.
    pub(crate) async fn forgotten<J: Copy>(
        &self,
        region: &Region,
        jobs: &[(J, Published)],
    ) -> Result<Forgotten<J>, QueueError> {
        let queue = self.queue(region)?;
        let is_made = self.make(queue).await?;
        let created = queue.stream.created().await?;
        let before = std::mem::replace(&mut queue.lock().created, created);
        if is_made || (created.is_some() && created != before) {
            return Ok(Forgotten::All);
        }
        let mut forgotten = Vec::new();
        if created.is_some() {
            // Its consumer may be gone alone.
            queue.stream.make().await?;
            for (job, published) in jobs {
                if !queue.stream.holds(*published).await? {
                    forgotten.push(*job);
                }
            }
        }
        Ok(Forgotten::Some(forgotten))
    }

    /// Takes a message out.
    pub(crate) async fn remove(
        &self,
        region: &Region,
        published: Published,
    ) -> Result<(), QueueError> {
        self.queue(region)?.stream.remove(published).await
    }

    /// Returns what waits in each region.
    pub(crate) async fn depths(&self) -> Vec<(Region, Depth)> {
        let mut depths = Vec::new();
        for (region, queue) in &self.of_regions {
            if let Ok(depth) = queue.stream.depth().await {
                depths.push((region.clone(), depth));
            }
        }
        depths
    }

    fn queue(&self, region: &Region) -> Result<&Queue, QueueError> {
        self.of_regions
            .get(region)
            .ok_or_else(|| QueueError::Absent { asset: format!("queue of region {region}") })
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
