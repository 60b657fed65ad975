//! What this run knows to be where: blobs and manifests per repository, and one journey per blob.
//!
//! Nothing here is needed for a right result: whatever is forgotten costs requests. Locks are guards,
//! so that a job that dies while it sends a blob frees it for the next.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mirror_oci::{Digest, Manifest, Place, RegistryHost, RepositoryName, TagRef};
use tokio::sync::{OnceCell, OwnedMutexGuard};

/// Digests that are kept, over all repositories of a run: some 30 MB. Beyond it nothing is learnt.
const MAX_KNOWN: usize = 200_000;

/// What this run knows to be where.
#[derive(Default)]
pub(crate) struct Known {
    state: Mutex<State>,
    /// A blob on its way into a repository.
    arrivals: Keyed<(Place, Digest)>,
    /// A blob on its way into a registry.
    journeys: Keyed<(RegistryHost, Digest)>,
    /// Fallback tags that are being written.
    sets: Keyed<TagRef>,
    /// Artifact types that were read in manifests, each once for all who want it.
    artifact_types: Mutex<HashMap<(Place, Digest), Arc<TypeCell>>>,
    /// Manifests that jobs hold, each read once for all who want it.
    manifests: Mutex<HashMap<(Place, Digest), Weak<Shared>>>,
}

/// A manifest that jobs share while one of them holds it.
pub(crate) type Shared = OnceCell<Arc<Manifest>>;

/// The artifact type that a manifest has itself, if any.
#[derive(Clone, Debug)]
pub(crate) struct ArtifactType(pub(crate) Option<String>);

/// The artifact type of a manifest, where that is there: read by one for all.
pub(crate) type TypeCell = OnceCell<Option<ArtifactType>>;

#[derive(Default)]
struct State {
    count: usize,
    content: HashMap<Place, HashSet<Digest>>,
    /// Where in a registry this run put a blob first.
    first: HashMap<(RegistryHost, Digest), RepositoryName>,
    /// Repositories that were not there, so that nothing can be in them but what we put there.
    fresh: HashSet<Place>,
    /// Pairs of repositories that the registry will not mount between.
    unmountable: HashSet<(RegistryHost, RepositoryName, RepositoryName)>,
    /// Content whose presence the registry affirmed and then denied.
    distrusted: HashSet<(Place, Digest)>,
}

impl Known {
    /// Returns whether `place` is known to have the content.
    pub(crate) fn has(&self, place: &Place, digest: &Digest) -> bool {
        self.state().content.get(place).is_some_and(|known| known.contains(digest))
    }

    /// Takes note that `place` has the content.
    pub(crate) fn add(&self, place: &Place, digest: Digest) {
        let mut state = self.state();
        state.distrusted.remove(&(place.clone(), digest));
        if state.count >= MAX_KNOWN {
            return;
        }
        if state.content.entry(place.clone()).or_default().insert(digest) {
            state.count += 1;
        }
        if let Place::Registry(repository) = place {
            let key = (repository.host.clone(), digest);
            state.first.entry(key).or_insert_with(|| repository.name.clone());
        }
    }

    /// Takes note that a registry turned out not to have content that it said it has.
    pub(crate) fn distrust(&self, place: &Place, digests: impl Iterator<Item = Digest>) {
        let mut state = self.state();
        for digest in digests {
            if state.content.get_mut(place).is_some_and(|known| known.remove(&digest)) {
                state.count -= 1;
            }
            if let Place::Registry(repository) = place {
                let key = (repository.host.clone(), digest);
                if state.first.get(&key) == Some(&repository.name) {
                    state.first.remove(&key);
                }
            }
            state.distrusted.insert((place.clone(), digest));
        }
    }

    /// Forgets all that `place` is known to have.
    pub(crate) fn forget(&self, place: &Place) {
        let mut state = self.state();
        let known = state.content.remove(place).unwrap_or_default();
        state.count -= known.len();
        state.fresh.remove(place);
        if let Place::Registry(repository) = place {
            state
                .first
                .retain(|(host, _), first| *host != repository.host || *first != repository.name);
        }
    }

    /// Returns whether asking the registry about the content is of no use.
    pub(crate) fn is_distrusted(&self, place: &Place, digest: &Digest) -> bool {
        self.state().distrusted.contains(&(place.clone(), *digest))
    }

    /// Takes note that a repository is not there yet.
    pub(crate) fn add_fresh(&self, place: &Place) {
        self.state().fresh.insert(place.clone());
    }

    /// Returns whether a repository had nothing in it when the run began.
    pub(crate) fn is_fresh(&self, place: &Place) -> bool {
        self.state().fresh.contains(place)
    }

    /// Returns the repository to mount a blob from: where this run put it first.
    pub(crate) fn mount_source(
        &self,
        host: &RegistryHost,
        digest: &Digest,
        into: &RepositoryName,
    ) -> Option<RepositoryName> {
        let state = self.state();
        let from = state.first.get(&(host.clone(), *digest))?;
        let pair = (host.clone(), from.clone(), into.clone());
        (from != into && !state.unmountable.contains(&pair)).then(|| from.clone())
    }

    /// Returns whether this run has the blob anywhere in a registry.
    pub(crate) fn is_in_registry(&self, host: &RegistryHost, digest: &Digest) -> bool {
        self.state().first.contains_key(&(host.clone(), *digest))
    }

    /// Takes note that a registry does not mount from one repository into another.
    pub(crate) fn refuse_mount(
        &self,
        host: &RegistryHost,
        from: &RepositoryName,
        into: &RepositoryName,
    ) {
        self.state().unmountable.insert((host.clone(), from.clone(), into.clone()));
    }

    /// Waits until nobody else brings the content into `place`.
    pub(crate) async fn arrival(&self, place: &Place, digest: &Digest) -> Claim<(Place, Digest)> {
        self.arrivals.claim((place.clone(), *digest)).await
    }

    /// Waits until nobody else brings the blob into a registry.
    pub(crate) async fn journey(
        &self,
        host: &RegistryHost,
        digest: &Digest,
    ) -> Claim<(RegistryHost, Digest)> {
        self.journeys.claim((host.clone(), *digest)).await
    }

    /// Waits until nobody else in this process writes a fallback tag.
    pub(crate) async fn set(&self, name: &TagRef) -> Claim<TagRef> {
        self.sets.claim(name.clone()).await
    }

    /// Returns the cell of a manifest, shared by all who want it at the moment.
    pub(crate) fn manifest(&self, place: &Place, digest: Digest) -> Arc<Shared> {
        let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (place.clone(), digest);
        if let Some(cell) = manifests.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        if manifests.len() >= MAX_KNOWN {
            manifests.retain(|_, cell| cell.strong_count() > 0);
        }
        let cell = Arc::default();
        manifests.insert(key, Arc::downgrade(&cell));
        cell
    }

    /// Returns the cell of the artifact type that a manifest has.
    pub(crate) fn artifact_type(&self, place: &Place, digest: Digest) -> Arc<TypeCell> {
        let mut types = self.artifact_types.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (place.clone(), digest);
        if types.len() >= MAX_KNOWN && !types.contains_key(&key) {
            return Arc::default();
        }
        Arc::clone(types.entry(key).or_default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Locks<K> = Arc<Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>>;

/// A lock per key, made when first wanted and dropped with its last user.
struct Keyed<K>(Locks<K>);

impl<K> Default for Keyed<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Keyed<K> {
    async fn claim(&self, key: K) -> Claim<K> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        let held = lock.lock_owned().await;
        Claim { held: Some(held), key, locks: Arc::clone(&self.0) }
    }
}

/// The right to bring something somewhere, until dropped.
pub(crate) struct Claim<K: Eq + Hash> {
    held: Option<OwnedMutexGuard<()>>,
    key: K,
    locks: Locks<K>,
}

impl<K: Eq + Hash> Drop for Claim<K> {
    fn drop(&mut self) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        self.held = None;
        if locks.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place::Registry(format!("r.io/{name}").parse().unwrap())
    }

    #[test]
    fn a_blob_is_mounted_from_where_it_was_put_first() {
        let known = Known::default();
        let (host, digest): (RegistryHost, _) = ("r.io".parse().unwrap(), Digest::of(b"a"));
        let source = |into: &str| known.mount_source(&host, &digest, &into.parse().unwrap());
        assert_eq!(source("c"), None);
        known.add(&place("a"), digest);
        known.add(&place("b"), digest);
        assert_eq!(source("c").unwrap().as_str(), "a");
        assert_eq!(source("a"), None);
        known.refuse_mount(&host, &"a".parse().unwrap(), &"c".parse().unwrap());
        assert_eq!(source("c"), None);
        known.distrust(&place("a"), std::iter::once(digest));
        assert!(!known.has(&place("a"), &digest) && known.is_distrusted(&place("a"), &digest));
        assert!(known.has(&place("b"), &digest));
    }

    #[tokio::test]
    async fn a_claim_that_is_dropped_frees_the_next() {
        let known = Known::default();
        let digest = Digest::of(b"a");
        let there = place("a");
        let first = known.arrival(&there, &digest).await;
        let second = known.arrival(&there, &digest);
        tokio::pin!(second);
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await);
        assert!(known.arrivals.0.lock().unwrap().is_empty());
    }
}
