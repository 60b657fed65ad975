//! The exec plugin of a kubeconfig, which gives credentials for its cluster.
//!
//! kube would run it too: three times, where it stands and without an end, and it panics where the token can
//! stand in no header. What a plugin prints is never told.

use std::process::{ExitStatus, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, ExecAuthCluster, ExecConfig};
use mirror_credentials::Secret;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::{credentials, token};
use crate::failure::Failed;

/// The most that is read of an answer: a token and a chain of certificates are some kilobytes.
const ANSWER_BYTES: u64 = 1024 * 1024;

/// What a plugin is told, by `client.authentication.k8s.io`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'q> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'q str>,
    spec: Spec<'q>,
}

#[derive(Serialize)]
struct Spec<'q> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'q ExecAuthCluster>,
}

/// What a plugin answers.
#[derive(Deserialize)]
struct Answer {
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<Secret>,
    client_certificate_data: Option<String>,
    client_key_data: Option<Secret>,
}

/// Asks the plugin of `auth`, where it has one and nothing that goes before it, and puts what it gives in
/// its place.
pub(super) async fn ask(auth: &mut AuthInfo) -> Result<(), Failed> {
    let has_password = auth.username.is_some() && auth.password.is_some();
    let Some(exec) = auth.exec.take().filter(|_| auth.token.is_none() && !has_password) else {
        return Ok(());
    };
    let Status { token, client_certificate_data, client_key_data } = run(&exec).await?;
    let pair = client_certificate_data.zip(client_key_data);
    if token.is_none() && pair.is_none() {
        let nothing = "the exec plugin gives neither a token nor a certificate with its key";
        return Err(credentials(nothing));
    }
    if let Some(secret) = token {
        let place = "the token of the exec plugin";
        auth.token = Some(token::checked(secret.expose(), place)?);
    }
    if let Some((certificate, key)) = pair {
        auth.client_certificate_data = Some(STANDARD.encode(certificate));
        auth.client_key_data = Some(STANDARD.encode(key.expose()).into());
    }
    Ok(())
}

/// Runs the plugin to its end; it is killed when nobody waits for it any longer.
async fn run(exec: &ExecConfig) -> Result<Status, Failed> {
    let unfit = || credentials("the exec plugin's answer is no ExecCredential with a status");
    let unrun = |error| credentials(&format!("the exec plugin cannot be run: {error}"));
    let mut child = command(exec)?.spawn().map_err(unrun)?;
    let mut printed = zeroize::Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(ANSWER_BYTES + 1).read_to_end(&mut printed).await;
        if read.map_err(unrun)? as u64 > ANSWER_BYTES {
            return Err(unfit());
        }
    }
    let status = child.wait().await.map_err(unrun)?;
    if !status.success() {
        return Err(failed(status));
    }
    // JSON, or YAML as some write it. The parser's own message could show the token.
    let answer = serde_saphyr::from_slice(&printed).ok();
    answer.and_then(|answer: Answer| answer.status).ok_or_else(unfit)
}

fn command(exec: &ExecConfig) -> Result<Command, Failed> {
    let Some(program) = &exec.command else {
        return Err(credentials("the exec plugin has no command"));
    };
    let cluster = exec.cluster.as_ref().filter(|_| exec.provide_cluster_info);
    let question = Question {
        kind: "ExecCredential",
        api_version: exec.api_version.as_deref(),
        spec: Spec { interactive: false, cluster },
    };
    let question = serde_json::to_string(&question).map_err(|error| Failed::by(&error))?;
    let variables = exec.env.iter().flatten();
    let mut command = Command::new(program);
    command
        .args(exec.args.iter().flatten())
        .envs(variables.filter_map(|pair| pair.get("name").zip(pair.get("value"))))
        .env("KUBERNETES_EXEC_INFO", question)
        // It is kept from our stdin, and what it prints from the terminal.
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

fn failed(status: ExitStatus) -> Failed {
    credentials(&format!(
        "the exec plugin failed ({status}): run it by hand to see why, since what it prints may be \
         secret"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin that is this script.
    fn auth(script: &str) -> AuthInfo {
        let exec = ExecConfig {
            command: Some("sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned()]),
            ..ExecConfig::default()
        };
        AuthInfo { exec: Some(exec), ..AuthInfo::default() }
    }

    #[tokio::test]
    async fn what_a_plugin_printed_is_never_told() {
        let said = ask(&mut auth("echo hunter2; exit 7")).await.unwrap_err().text();
        let expected = "the kubeconfig's credentials: the exec plugin failed (exit status: 7): run \
                        it by hand to see why, since what it prints may be secret";
        assert_eq!(said, expected);
        let said = ask(&mut auth("yes hunter2")).await.unwrap_err().text();
        let expected = "the kubeconfig's credentials: the exec plugin's answer is no \
                        ExecCredential with a status";
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn a_plugin_is_not_asked_where_something_goes_before_it() {
        let given = || Some("t".to_owned().into());
        let (username, password) = (Some("me".to_owned()), given());
        for mut auth in [
            AuthInfo { token: given(), ..auth("exit 7") },
            AuthInfo { username, password, ..auth("exit 7") },
        ] {
            ask(&mut auth).await.unwrap();
            assert!(auth.exec.is_none());
        }
    }

    #[tokio::test]
    async fn an_answer_may_be_yaml() {
        let mut auth = auth("printf 'kind: ExecCredential\\nstatus:\\n  token: t\\n'");
        ask(&mut auth).await.unwrap();
        assert!(auth.token.is_some());
    }
}
