//! Two registries of one kind, a client for each, and the program that mirrors between them.

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::client::Client;
use mirror_tests::pki::Pki;
use mirror_tests::servers::{
    Distribution, DistributionOptions, OciRegistry, OciRegistryOptions, TokenServerOptions,
};

/// Tags in a page of a registry that pages unasked.
pub(super) const PAGE: usize = 100;

/// What the registries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Distribution,
    Tls,
    AbsoluteLocations,
    Redirects,
    BasicByDockerConfig,
    BasicByHosts,
    TokensByDockerConfig,
    TokensByHosts,
    Oci,
    Pages,
    ImmutableTags,
    NoDigestHeader,
}

/// One of them; held, for it ends when it is dropped.
enum Server {
    Distribution(Distribution),
    Oci(OciRegistry),
}

/// A source, a destination, and the program with what it needs to reach them.
pub(super) struct Registries {
    pub(super) kind: Kind,
    source: Server,
    destination: Server,
    pki: Option<Pki>,
    mirror: Binary,
}

impl Registries {
    pub(super) async fn start(kind: Kind) -> Self {
        let pki = (kind == Kind::Tls).then(Pki::new);
        let (source, destination) =
            tokio::join!(Server::start(kind, pki.clone()), Server::start(kind, pki.clone()));
        let mut mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        if let Some(pki) = &pki {
            mirror.set_env("SSL_CERT_FILE", pki.ca());
        }
        let this = Self { kind, source, destination, pki, mirror };
        if matches!(kind, Kind::BasicByDockerConfig | Kind::TokensByDockerConfig) {
            let [source, destination] = [this.source.host(), this.destination.host()];
            this.mirror
                .log_in(&[(&source, "mirror", "secret"), (&destination, "mirror", "secret")]);
        }
        this
    }

    /// Mirrors `source` to `destination`, both repositories, by an entry with these fields more.
    pub(super) async fn sync(&self, names: [&str; 2], more: &str, flags: &[&str]) -> Finished {
        self.sync_with(names, more, "", flags).await
    }

    /// The same, with these fields more for the destination's host.
    pub(super) async fn sync_with(
        &self,
        [source, destination]: [&str; 2],
        more: &str,
        host: &str,
        flags: &[&str],
    ) -> Finished {
        let [from, to] = [self.source.host(), self.destination.host()];
        let credential = match self.kind {
            Kind::BasicByHosts | Kind::TokensByHosts => {
                ", username: mirror, credential: {value: '${PASSWORD}'}"
            }
            Kind::Distribution
            | Kind::Tls
            | Kind::AbsoluteLocations
            | Kind::Redirects
            | Kind::BasicByDockerConfig
            | Kind::TokensByDockerConfig
            | Kind::Oci
            | Kind::Pages
            | Kind::ImmutableTags
            | Kind::NoDigestHeader => "",
        };
        let hosts: Vec<String> = [(&from, ""), (&to, host)]
            .into_iter()
            .map(|(name, more)| (name, format!("{credential}{more}")))
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(name, fields)| format!("  - {{host: '{name}'{fields}}}\n"))
            .collect();
        let hosts =
            if hosts.is_empty() { String::new() } else { format!("hosts:\n{}", hosts.concat()) };
        self.mirror.write(
            "mirror.yaml",
            format!(
                "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - \
                 {{source: '{from}/{source}', destination: '{to}/{destination}'{more}}}\n{hosts}"
            ),
        );
        let arguments = ["sync", "mirror.yaml", "-o", "json"].into_iter();
        let call = self.mirror.call(arguments.chain(flags.iter().copied()));
        call.env("PASSWORD", "secret").run().await
    }

    pub(super) fn source(&self) -> Client {
        self.client(&self.source)
    }

    pub(super) fn destination(&self) -> Client {
        self.client(&self.destination)
    }

    /// The lists that the source was asked for, where it keeps a record.
    pub(super) fn lists(&self) -> usize {
        match &self.source {
            Server::Distribution(_) => 0,
            Server::Oci(registry) => {
                let requests = registry.requests();
                let tags = mirror_tests::scripted::Kind::Tags;
                requests.iter().filter(|request| request.kind() == tags).count()
            }
        }
    }

    fn client(&self, server: &Server) -> Client {
        let client = Client::new(&server.host());
        let client = match &self.pki {
            Some(pki) => client.tls(pki),
            None => client,
        };
        // Whoever is not asked for them does not show them.
        client.credentials("mirror", "secret")
    }
}

impl Server {
    async fn start(kind: Kind, tls: Option<Pki>) -> Self {
        let plain = DistributionOptions::default();
        let options = match kind {
            Kind::Distribution => plain,
            Kind::Tls => DistributionOptions { tls, ..plain },
            Kind::AbsoluteLocations => DistributionOptions { relative_urls: false, ..plain },
            Kind::Redirects => DistributionOptions { redirect_blobs: true, ..plain },
            Kind::BasicByDockerConfig | Kind::BasicByHosts => {
                DistributionOptions { basic: true, ..plain }
            }
            Kind::TokensByDockerConfig | Kind::TokensByHosts => {
                let token = Some(TokenServerOptions::default());
                DistributionOptions { token, ..plain }
            }
            Kind::Oci => return Self::oci(OciRegistryOptions::default()).await,
            Kind::Pages => {
                let page = Some(PAGE);
                return Self::oci(OciRegistryOptions { page, ..Default::default() }).await;
            }
            Kind::ImmutableTags => {
                let immutable_tags = true;
                return Self::oci(OciRegistryOptions { immutable_tags, ..Default::default() })
                    .await;
            }
            Kind::NoDigestHeader => {
                let no_digest_header = true;
                return Self::oci(OciRegistryOptions { no_digest_header, ..Default::default() })
                    .await;
            }
        };
        Self::Distribution(Distribution::start(options).await)
    }

    async fn oci(options: OciRegistryOptions) -> Self {
        Self::Oci(OciRegistry::start(options).await)
    }

    fn host(&self) -> String {
        match self {
            Self::Distribution(registry) => registry.host(),
            Self::Oci(registry) => registry.host(),
        }
    }
}
