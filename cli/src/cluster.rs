//! A Kubernetes cluster, reached as kubectl would: by kubeconfigs, else as the pod that this is.
//!
//! kube's own messages may quote a kubeconfig, and with it tokens: what is told here is put together from
//! what can hold none. `token` and `plugin` find what lets us in, `secrets` asks.

mod plugin;
mod secrets;
mod token;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tokio::runtime::Handle;

pub(crate) use self::secrets::Refusal;
use crate::arguments::ClusterFlags;
use crate::environment::environment;
use crate::failure::Failed;

/// How long a cluster may take to answer: its own limit for a request is a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How a cluster is reached; nothing is asked of it yet.
#[derive(Debug)]
pub(crate) struct Access(Config);

/// A cluster, and the namespace to work in.
pub(crate) struct Cluster {
    client: Client,
    /// The namespace.
    pub(crate) namespace: String,
}

/// Where it stands how to reach a cluster.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// One kubeconfig, which must be there.
    File(PathBuf),
    /// Kubeconfigs, of which some may be missing: what the first says counts.
    Files(Vec<PathBuf>),
    /// The pod's service account.
    Pod,
}

impl Access {
    /// Reads how the cluster is reached that the flags and the environment name. Files are read by a thread
    /// of its own: a file system may be silent, and kube reads where it stands.
    pub(crate) async fn new(flags: &ClusterFlags) -> Result<Self, Failed> {
        let (flags, runtime) = (flags.clone(), Handle::current());
        let read = tokio::task::spawn_blocking(move || runtime.block_on(Self::find(&flags)));
        read.await.map_err(|error| Failed::by(&error))?
    }

    async fn find(flags: &ClusterFlags) -> Result<Self, Failed> {
        let source = source(flags.kubeconfig.as_deref(), &environment(), &|path| path.exists());
        let mut config = match source {
            Source::Pod => pod(flags)?,
            Source::File(path) => chosen(read(&path)?, flags, &[path]).await?,
            Source::Files(paths) => {
                let there: Vec<_> = paths.iter().filter(|path| path.exists()).collect();
                let mut merged = Kubeconfig::default();
                for path in there {
                    merged = merged.merge(read(path)?).map_err(|error| said(path, &error))?;
                }
                chosen(merged, flags, &paths).await?
            }
        };
        config.read_timeout = Some(ANSWER_TIMEOUT);
        config.default_retry = false;
        let auth = &mut config.auth_info;
        if auth.auth_provider.is_some() {
            return Err(credentials("no auth-provider is known here: give an exec plugin"));
        }
        let mode = auth.exec.as_ref().and_then(|exec| exec.interactive_mode.as_ref());
        if mode == Some(&ExecInteractiveMode::Always) {
            return Err(Failed::new(
                "the kubeconfig's exec plugin wants to ask somebody (interactiveMode: Always): \
                 nobody is there to answer",
            ));
        }
        token::find(auth)?;
        if let Some(namespace) = &flags.namespace {
            config.default_namespace.clone_from(namespace);
        }
        Ok(Self(config))
    }

    /// Gets ready to speak to the cluster, by an exec plugin where the kubeconfig names one.
    pub(crate) async fn cluster(self) -> Result<Cluster, Failed> {
        let Self(mut config) = self;
        plugin::ask(&mut config.auth_info).await?;
        let namespace = config.default_namespace.clone();
        // It reads certificates where it stands.
        let made = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
        let made = made.map_err(|error| Failed::by(&error))?;
        Ok(Cluster { client: made.map_err(|error| unasked(&error))?, namespace })
    }
}

/// Says that a cluster cannot be asked, and why.
fn unasked(error: &kube::Error) -> Failed {
    Failed::new(format!("cannot ask the cluster: {}", innermost(error)))
}

/// Says what is wrong with what lets us in.
fn credentials(what: &str) -> Failed {
    Failed::new(format!("the kubeconfig's credentials: {what}"))
}

/// The causes of an error, itself first. As many as there are: kube nests a handful.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Decides where it stands how to reach the cluster; `exists` looks.
fn source(
    flag: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<String>,
    exists: &dyn Fn(&Path) -> bool,
) -> Source {
    if let Some(path) = flag {
        return Source::File(path.to_owned());
    }
    let listed = environment("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> =
        std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
    let home = environment("HOME").filter(|home| !home.is_empty());
    let own = home.map(|home| Path::new(&home).join(".kube/config"));
    if !listed.is_empty() {
        return Source::Files(listed);
    }
    match own.filter(|path| exists(path)) {
        Some(path) => Source::File(path),
        None => Source::Pod,
    }
}

fn pod(flags: &ClusterFlags) -> Result<Config, Failed> {
    let none = "no kubeconfig: give --kubeconfig, or set KUBECONFIG";
    if flags.context.is_some() {
        return Err(Failed::new(none));
    }
    Config::incluster().map_err(|error| {
        Failed::new(format!("{none}; nor is this a pod with a service account: {error}"))
    })
}

fn read(path: &Path) -> Result<Kubeconfig, Failed> {
    Kubeconfig::read_from(path).map_err(|error| said(path, &error))
}

/// Takes the context that is asked for.
async fn chosen(
    kubeconfig: Kubeconfig,
    flags: &ClusterFlags,
    paths: &[PathBuf],
) -> Result<Config, Failed> {
    let options = KubeConfigOptions { context: flags.context.clone(), ..Default::default() };
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let proxies: Vec<String> = clusters.filter_map(|cluster| cluster.proxy_url.clone()).collect();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(":");
    let mut config = config.map_err(|error| said(Path::new(&names), &error))?;
    // Else it is HTTPS_PROXY's, which kube takes for clusters too.
    let proxy = config.proxy_url.take().map(|proxy| proxy.to_string()).unwrap_or_default();
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    if proxies.iter().any(|own| bare(own) == bare(&proxy)) {
        return Err(Failed::new(format!(
            "kubeconfig {names}: its cluster has a proxy-url, which this command does not speak through"
        )));
    }
    Ok(config)
}

/// Says what is wrong with a kubeconfig, and nothing of what it holds but names.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "kube's errors are many and grow; the others name files alone"
)]
fn said(path: &Path, error: &KubeconfigError) -> Failed {
    let why = match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => {
                format!("no kubeconfig, at line {}, column {}", place.line(), place.column())
            }
            None => "no kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(source, _) => format!("cannot be read: {source}"),
        KubeconfigError::CurrentContextNotSet => {
            "it names no current context: give --context".to_owned()
        }
        KubeconfigError::LoadContext(name) => format!("it has no context {name}"),
        KubeconfigError::LoadClusterOfContext(name) => format!("it has no cluster {name}"),
        other => other.to_string(),
    };
    Failed::new(format!("kubeconfig {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flag: Option<&str>, environment: &[(&str, &str)], there: &str, expected: &Source) {
        let find = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let source = source(flag.map(Path::new), &find, &|path| path == Path::new(there));
        assert_eq!(source, *expected, "{flag:?} {environment:?}");
    }

    #[test]
    fn the_flag_the_environment_the_home_or_the_pod_says_how() {
        let file = |path: &str| Source::File(path.into());
        let all = [("KUBECONFIG", "a::b"), ("HOME", "/h")];
        let home = "/h/.kube/config";
        check(Some("f"), &all, home, &file("f"));
        check(None, &all, home, &Source::Files(vec!["a".into(), "b".into()]));
        check(None, &[("KUBECONFIG", ""), ("HOME", "/h")], home, &file(home));
        check(None, &[("HOME", "/h")], home, &file(home));
        check(None, &[("HOME", "/h")], "", &Source::Pod);
        check(None, &[], "", &Source::Pod);
    }
}
