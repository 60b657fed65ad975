//! What is known of each repository's referrers API, so that it is found out once.
//!
//! Registries differ in it by repository: a virtual one or a proxy's may lack it. Knowledge is kept
//! for an hour: a coordinator outlives the upgrade of a registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirror_oci::RepositoryName;
use mirror_transport::Budget;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// How long an answer counts: short beside the life of a registry, long beside a run.
const KEPT: Duration = Duration::from_secs(3600);
/// Repositories of a registry that are remembered; beyond them all are forgotten, at the cost of a
/// request each.
const MAX_REPOSITORIES: usize = 10_000;

/// Whether a repository has the referrers API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// It answered as if there were none.
    Missing,
    /// Thereafter a manifest was taken with `OCI-Subject`: the next question decides.
    Doubted,
    /// It was asked once more, and answered as before: what it promises counts for nothing.
    Denied,
    /// A manifest was taken with `OCI-Subject`, which says that there is one.
    Promised,
    /// It listed.
    Answered,
}

/// What is known of a registry's repositories.
#[derive(Debug, Default)]
pub(crate) struct ReferrersApis(Mutex<HashMap<RepositoryName, Arc<ReferrersApi>>>);

/// What is known of one repository.
#[derive(Debug, Default)]
pub(crate) struct ReferrersApi {
    known: Mutex<Option<(Api, Instant)>>,
    first: Arc<tokio::sync::Mutex<()>>,
}

impl ReferrersApis {
    /// Returns what is known of a repository, to be read and taught.
    pub(crate) fn of(&self, repository: &RepositoryName) -> Arc<ReferrersApi> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(api) = all.get(repository) {
            return Arc::clone(api);
        }
        if all.len() >= MAX_REPOSITORIES {
            all.clear();
        }
        Arc::clone(all.entry(repository.clone()).or_default())
    }
}

impl ReferrersApi {
    /// Returns what is known, if it is.
    pub(crate) fn known(&self) -> Option<Api> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|(_, at)| at.elapsed() < KEPT).map(|(api, _)| api)
    }

    /// Returns whether there is an API, where that is known.
    pub(crate) fn is_there(&self) -> Option<bool> {
        match self.known()? {
            Api::Promised | Api::Answered => Some(true),
            Api::Missing | Api::Denied => Some(false),
            Api::Doubted => None,
        }
    }

    /// Takes in what an answer says. A promise adds nothing to a list, and contradicts that there is none
    /// but once.
    pub(crate) fn learn(&self, api: Api) {
        let api = match (self.known(), api) {
            (Some(Api::Answered | Api::Denied), Api::Promised) => return,
            (Some(Api::Missing | Api::Doubted), Api::Promised) => Api::Doubted,
            (Some(Api::Doubted | Api::Denied), Api::Missing) => Api::Denied,
            (_, api) => api,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((api, Instant::now()));
    }

    /// Lets one go ahead while nothing is known, and the others wait for what it learns. Where it
    /// fails and learns nothing, they all go.
    pub(crate) async fn go_ahead(&self, budget: &Arc<Budget>) -> Option<OwnedMutexGuard<()>> {
        if self.is_there().is_some() {
            return None;
        }
        if let Ok(ahead) = Arc::clone(&self.first).try_lock_owned() {
            return Some(ahead);
        }
        let _waiting = budget.wait();
        drop(self.first.lock().await);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_known_counts_for_an_hour() {
        let apis = ReferrersApis::default();
        let name: RepositoryName = "app".parse().unwrap();
        assert_eq!(apis.of(&name).known(), None);
        apis.of(&name).learn(Api::Missing);
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert_eq!(apis.of(&name).known(), Some(Api::Missing));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(apis.of(&name).known(), None);
    }

    #[tokio::test]
    async fn the_last_answer_counts_and_a_promise_is_no_answer() {
        let api = ReferrersApi::default();
        for (told, expected) in [
            (Api::Promised, Api::Promised),
            (Api::Missing, Api::Missing),
            (Api::Promised, Api::Doubted),
            (Api::Promised, Api::Doubted),
            (Api::Answered, Api::Answered),
            (Api::Promised, Api::Answered),
            (Api::Missing, Api::Missing),
            (Api::Promised, Api::Doubted),
            (Api::Missing, Api::Denied),
            (Api::Promised, Api::Denied),
            (Api::Answered, Api::Answered),
        ] {
            api.learn(told);
            assert_eq!(api.known(), Some(expected), "{told:?}");
        }
    }

    #[tokio::test]
    async fn more_repositories_than_are_remembered_are_forgotten() {
        let apis = ReferrersApis::default();
        for at in 0..=MAX_REPOSITORIES {
            apis.of(&format!("app/{at}").parse().unwrap()).learn(Api::Answered);
        }
        let known = |at: usize| apis.of(&format!("app/{at}").parse().unwrap()).known();
        assert_eq!((known(0), known(MAX_REPOSITORIES)), (None, Some(Api::Answered)));
    }
}
