//! `secret`: the credentials of a config's hosts as a Secret for image pulls.
//!
//! A Secret that is there keeps its metadata and its type, which cannot be changed; its data is replaced
//! whole. Whoever writes it at the same time is heeded: what was read is replaced, or it is read again.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret as Object;
use mirror_credentials::{Secret, docker_config};

use crate::arguments::Secret as SecretFlags;
use crate::cluster::{Access, Cluster, Refusal};
use crate::deadline::Deadline;
use crate::failure::Failed;
use crate::{display, logins, runtime};

/// What Kubernetes and Flux take for logins at registries.
const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The one key of its data.
const KEY: &str = ".dockerconfigjson";
/// How often a Secret is read again that somebody else writes at the same time: a job or two, not a
/// crowd.
const ATTEMPTS: usize = 5;
/// The cluster's answers to a Secret that is not what was read any more: it was written, or deleted.
const CHANGED: [u16; 2] = [409, 404];
/// The cluster's word for "there is one already": a quota that is being counted is a 409 as well.
const EXISTS: &str = "AlreadyExists";

/// What became of the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Created,
    Replaced,
}

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &SecretFlags, timeout: Duration, envsubst: bool) -> Result<u8, Failed> {
    let hosts = logins::hosts(&flags.hosts, envsubst)?;
    let deadline = Deadline::begin(timeout);
    let runtime = runtime::begin()?;
    let done = runtime.block_on(async {
        let late = || "the kubeconfig was not read within".to_owned();
        let access = deadline.bound(Access::new(&flags.cluster), late).await??;
        let logins = logins::resolve(&hosts, deadline).await?;
        let content = docker_config(&logins).map_err(|error| Failed::by(&error))?;
        let writing = Box::pin(write(access, flags, &content));
        deadline.bound(writing, || "the cluster did not answer within".to_owned()).await?
    });
    runtime::end(runtime);
    done.map(|()| 0)
}

async fn write(access: Access, flags: &SecretFlags, content: &Secret) -> Result<(), Failed> {
    let cluster = access.cluster().await?;
    let name = format!("{}/{}", cluster.namespace, flags.name);
    let written = if flags.create {
        create(&cluster, &flags.name, content).await?.ok_or_else(|| {
            Failed::new(format!(
                "secret {name} is there already, and --create refuses to replace it"
            ))
        })?
    } else {
        put(&cluster, &flags.name, content).await?
    };
    let done = match written {
        Written::Created => "created",
        Written::Replaced => "replaced",
    };
    display::print(&format!("✔ {done} secret {name}\n"))
}

/// Replaces the Secret, or creates it where there is none.
async fn put(cluster: &Cluster, name: &str, content: &Secret) -> Result<Written, Failed> {
    for _ in 0..ATTEMPTS {
        let Some(found) = cluster.get(name).await? else {
            match create(cluster, name, content).await? {
                Some(written) => return Ok(written),
                None => continue,
            }
        };
        replaceable(&found)
            .map_err(|why| Failed::new(format!("secret {}/{name} {why}", cluster.namespace)))?;
        match cluster.replace(name, &object(found, content)).await {
            Ok(()) => return Ok(Written::Replaced),
            Err(Refusal::Said { status, .. }) if CHANGED.contains(&status) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(Failed::new(format!(
        "secret {}/{name} is written by others all the time: {ATTEMPTS} attempts were in vain",
        cluster.namespace
    )))
}

/// Creates the Secret; `None` where there is one.
async fn create(
    cluster: &Cluster,
    name: &str,
    content: &Secret,
) -> Result<Option<Written>, Failed> {
    let mut wanted = object(Object::default(), content);
    wanted.metadata.name = Some(name.to_owned());
    match cluster.create(&wanted).await {
        Ok(()) => Ok(Some(Written::Created)),
        Err(Refusal::Said { reason, .. }) if reason == EXISTS => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Says why a Secret cannot be replaced, where that is so.
fn replaceable(found: &Object) -> Result<(), String> {
    match found.type_.as_deref() {
        Some(TYPE) => {}
        other => {
            return Err(format!(
                "is of type {}, not {TYPE}, and a Secret's type cannot be changed: delete it, or \
                 take another name",
                other.unwrap_or("Opaque")
            ));
        }
    }
    if found.immutable == Some(true) {
        return Err("is immutable: delete it, or take another name".to_owned());
    }
    Ok(())
}

/// Returns `found` with nothing but `content` for its data.
fn object(mut found: Object, content: &Secret) -> Object {
    // Who wrote what is the cluster's to say.
    found.metadata.managed_fields = None;
    let data = ByteString(content.expose().as_bytes().to_vec());
    Object {
        type_: Some(TYPE.to_owned()),
        data: Some(BTreeMap::from([(KEY.to_owned(), data)])),
        string_data: None,
        ..found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(type_: Option<&str>, immutable: Option<bool>, expected: Result<(), &str>) {
        let found = Object { type_: type_.map(str::to_owned), immutable, ..Object::default() };
        match (replaceable(&found), expected) {
            (Err(why), Err(begin)) => assert!(why.starts_with(begin), "{why}"),
            (said, expected) => assert_eq!(said.is_ok(), expected.is_ok(), "{found:?}"),
        }
    }

    #[test]
    fn only_a_secret_of_our_type_that_may_change_is_replaced() {
        check(Some(TYPE), None, Ok(()));
        check(Some(TYPE), Some(false), Ok(()));
        check(Some(TYPE), Some(true), Err("is immutable:"));
        check(Some("Opaque"), None, Err("is of type Opaque, not kubernetes.io/dockerconfigjson"));
        check(Some("kubernetes.io/dockercfg"), None, Err("is of type kubernetes.io/dockercfg,"));
        check(None, None, Err("is of type Opaque,"));
    }

    #[test]
    fn what_is_there_keeps_its_metadata_and_loses_its_data() {
        let mut found = Object::default();
        found.metadata.labels = Some(BTreeMap::from([("team".to_owned(), "a".to_owned())]));
        found.metadata.resource_version = Some("7".to_owned());
        found.data = Some(BTreeMap::from([("old".to_owned(), ByteString(b"x".to_vec()))]));
        let wanted = object(found.clone(), &Secret::new("{}".to_owned()));
        assert_eq!(wanted.metadata, found.metadata);
        let data = wanted.data.unwrap();
        assert_eq!(
            data.into_iter().collect::<Vec<_>>(),
            [(KEY.to_owned(), ByteString(b"{}".to_vec()))]
        );
    }
}
