//! All registries of a run.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirror_credentials::Credentials;
use mirror_oci::{RegistryHost, RepositoryRef};
use mirror_transport::{Budget, Host, HostOptions, Tls, Transport};

use crate::auth::Auth;
use crate::clock::Clock;
use crate::referrers_api::ReferrersApis;
use crate::{Access, Notice, Notices, Repository};

/// Docker Hub's limit against abuse answers 429 without saying for how long; a minute ends it.
const DOCKER_HUB_PAUSE: Duration = Duration::from_secs(60);

/// What a run brings to its registries.
pub struct RegistriesOptions {
    /// How requests are sent.
    pub transport: Transport,
    /// What lets us in.
    pub credentials: Credentials,
    /// Per host, how large the pieces are in which larger blobs go up, in bytes.
    pub chunks: HashMap<RegistryHost, NonZeroU64>,
    /// Per host, whom it must be and who we are to it; as for any host where there is nothing.
    pub tls: HashMap<RegistryHost, Tls>,
    /// Who is told what registries say beside their answers.
    pub notices: Notices,
}

/// All registries of a run. What one learns of a registry, how it wants to be asked, which tokens it
/// gave, is kept here for all its repositories.
pub struct Registries {
    options: RegistriesOptions,
    known: Mutex<HashMap<RegistryHost, Arc<Registry>>>,
}

/// One registry.
pub(crate) struct Registry {
    pub(crate) host: RegistryHost,
    pub(crate) http: Arc<Host>,
    pub(crate) auth: Auth,
    pub(crate) chunk: Option<NonZeroU64>,
    pub(crate) clock: Clock,
    pub(crate) referrers: ReferrersApis,
}

impl Registries {
    /// Takes what a run brings; nothing is asked before the first request.
    pub fn new(options: RegistriesOptions) -> Arc<Self> {
        Arc::new(Self { options, known: Mutex::default() })
    }

    /// Returns a repository, to be read or written within `budget`.
    pub fn repository(
        self: &Arc<Self>,
        repository: &RepositoryRef,
        access: Access,
        budget: &Arc<Budget>,
    ) -> Repository {
        let registry = self.registry(&repository.host);
        Repository::new(
            Arc::clone(self),
            registry,
            repository.name.clone(),
            access,
            Arc::clone(budget),
        )
    }

    /// Returns how requests are sent.
    pub fn transport(&self) -> &Transport {
        &self.options.transport
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.options.credentials
    }

    /// Tells whoever takes the notices of registries.
    pub fn tell(&self, notice: Notice) {
        (self.options.notices)(notice);
    }

    fn registry(&self, host: &RegistryHost) -> Arc<Registry> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.get(host) {
            return Arc::clone(registry);
        }
        let pause = host.is_docker_hub().then_some(DOCKER_HUB_PAUSE);
        let tls = self.options.tls.get(host).cloned();
        let options = HostOptions { pause, tls, ..HostOptions::default() };
        let registry = Arc::new(Registry {
            host: host.clone(),
            http: self.options.transport.host_with(host.api(), options),
            auth: Auth::default(),
            chunk: self.options.chunks.get(host).copied(),
            clock: Clock::default(),
            referrers: ReferrersApis::default(),
        });
        known.insert(host.clone(), Arc::clone(&registry));
        registry
    }
}
