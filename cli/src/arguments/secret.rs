//! The flags of `secret`.

use std::path::PathBuf;

use clap::Args;

use super::{HostFlags, values};

/// The flags of `secret`.
#[derive(Debug, Args)]
#[command(after_help = "\
The Secret is of type kubernetes.io/dockerconfigjson: an imagePullSecret, or the secretRef of Flux's
OCIRepository and HelmRepository. A token that is sent as it is stands there as registrytoken, which
Flux understands and the kubelet does not. Needed are the rights to get, create and update secrets;
with --create, to create them.

--timeout is one time for all of it, once the config is read: kubeconfig, credentials, exec plugin
and cluster.

Environment:
  FLUX_MIRROR_CONFIG       the config, where --config is not given; empty is unset
  KUBECONFIG               kubeconfigs, separated by colons, where --kubeconfig is not given
  Whatever a config names  as ${NAME} (see --no-envsubst)

Examples:
  # All hosts of a config, into the namespace of the kubeconfig's context
  flux-mirror secret registries -f mirror.yaml

  # One of them, elsewhere, and never in place of another
  flux-mirror secret registries -f mirror.yaml --host ghcr.io -n flux-system --context prod --create")]
pub(crate) struct Secret {
    /// Name of the Secret
    #[arg(value_name = "NAME", value_parser = values::object_name)]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) hosts: HostFlags,

    /// Refuse to replace a Secret that is there
    #[arg(long)]
    pub(crate) create: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
}

/// Which cluster, by whose right, and which namespace.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reaching the cluster")]
pub(crate) struct ClusterFlags {
    /// Namespace of the Secret [default: the context's, in a pod its own]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = values::namespace)]
    pub(crate) namespace: Option<String>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Kubeconfig [default: those of the environment, else ~/.kube/config, else the pod's service
    /// account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}
