//! How a cluster is found and who is let in: kubeconfigs, contexts, tokens, client certificates, exec
//! plugins as real programs; slow, failing and silent ones too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirror_tests::binary::Binary;
use mirror_tests::black_hole::BlackHole;
use mirror_tests::kubernetes::{Kubernetes, KubernetesOptions};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::{assert_refused, binary, by_token, kubeconfig, secret, write_kubeconfig};

/// A cluster that lets in whoever has a client certificate.
fn by_certificate() -> KubernetesOptions {
    KubernetesOptions { token: None, ..KubernetesOptions::default() }
}

fn data(path: &std::path::Path) -> String {
    STANDARD.encode(std::fs::read(path).expect("it was written"))
}

/// A user of an exec plugin that is the program `cluster-login` of PATH, which is this script.
fn by_plugin(binary: &Binary, script: &str) -> Value {
    binary.write_program("cluster-login", &format!("#!/bin/sh\n{script}\n"));
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "cluster-login",
        "args": ["--for", "test"], "env": [{"name": "PLUGIN", "value": "v"}],
        "interactiveMode": "Never", "provideClusterInfo": false,
    }})
}

fn credential(status: &Value) -> String {
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status,
    });
    credential.to_string()
}

#[tokio::test]
async fn a_token_may_be_a_value_or_a_file() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let file = binary.write("token", "s3cret-token\n");
    for user in [by_token(), json!({"tokenFile": file})] {
        write_kubeconfig(&binary, &cluster, &user);
        secret(&binary, &[]).await.assert_code(0);
    }
    write_kubeconfig(&binary, &cluster, &json!({"token": "another"}));
    assert_refused(&secret(&binary, &[]).await, "the cluster answered 401: Unauthorized");
    write_kubeconfig(&binary, &cluster, &json!({"tokenFile": "/no/such/file"}));
    let done = secret(&binary, &[]).await;
    done.assert_code(1);
    assert!(done.stderr.contains("cannot read /no/such/file: No such file"), "{done}");
    let file = binary.write("token", "s3cret-token".repeat(6000));
    write_kubeconfig(&binary, &cluster, &json!({"tokenFile": file}));
    let line = format!(
        "the kubeconfig's credentials: {} is longer than 65536 bytes, and so no token",
        file.display()
    );
    assert_refused(&secret(&binary, &[]).await, &line);
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused_and_not_shown() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let broken = "holds a line break or another control character";
    let token = "s3cret-token\nhunter2";
    let file = binary.write("token", token);
    let of_file = |what: &str| format!("{} {what}", file.display());
    let plugin = "the token of the exec plugin";
    let giving = |status: &Value| {
        let file = binary.write("credential.json", credential(status));
        by_plugin(&binary, &format!("cat '{}'", file.display()))
    };
    let case = async |user: &Value, what: &str| {
        write_kubeconfig(&binary, &cluster, user);
        let line = format!("the kubeconfig's credentials: {what}");
        assert_refused(&secret(&binary, &[]).await, &line);
    };
    case(&json!({"token": token}), &format!("the token {broken}")).await;
    case(&json!({"tokenFile": file}), &of_file(broken)).await;
    binary.write("token", " \n");
    case(&json!({"tokenFile": file}), &of_file("is empty")).await;
    case(&giving(&json!({"token": token})), &format!("{plugin} {broken}")).await;
    let expiring = json!({"token": token, "expirationTimestamp": "2100-01-01T00:00:00Z"});
    case(&giving(&expiring), &format!("{plugin} {broken}")).await;
    let provider = json!({"auth-provider": {"name": "gcp", "config": {"id-token": token}}});
    case(&provider, "no auth-provider is known here: give an exec plugin").await;
    assert!(cluster.requests().is_empty());
}

#[tokio::test]
async fn a_plugin_is_run_once_and_must_give_something() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let answer = credential(&json!({"token": "s3cret-token"}));
    let script = format!("echo run >> \"$HOME/runs\"; echo '{answer}'");
    write_kubeconfig(&binary, &cluster, &by_plugin(&binary, &script));
    secret(&binary, &[]).await.assert_code(0);
    let runs = std::fs::read_to_string(binary.folder().join("home/runs")).expect("it ran");
    assert_eq!(runs, "run\n");
    let nothing = by_plugin(&binary, &format!("echo '{}'", credential(&json!({}))));
    write_kubeconfig(&binary, &cluster, &nothing);
    let line = "the kubeconfig's credentials: the exec plugin gives neither a token nor a certificate \
                with its key";
    assert_refused(&secret(&binary, &[]).await, line);
}

#[tokio::test]
async fn a_client_certificate_may_be_files_or_data() {
    let cluster = Kubernetes::start(by_certificate()).await;
    let binary = binary();
    let (certificate, key) = cluster.pki().client();
    for user in [
        json!({"client-certificate": certificate, "client-key": key}),
        json!({"client-certificate-data": data(&certificate), "client-key-data": data(&key)}),
    ] {
        write_kubeconfig(&binary, &cluster, &user);
        secret(&binary, &[]).await.assert_code(0);
    }
    let (certificate, key) = cluster.pki().other_client();
    for user in [json!({}), json!({"client-certificate": certificate, "client-key": key})] {
        write_kubeconfig(&binary, &cluster, &user);
        let done = secret(&binary, &[]).await;
        done.assert_code(1);
        assert!(done.stderr.starts_with("✗ cannot ask the cluster: "), "{done}");
    }
}

#[tokio::test]
async fn an_exec_plugin_gives_a_token_or_a_certificate() {
    let check = "[ \"$*\" = '--for test' ] && [ \"$PLUGIN\" = v ] && case $KUBERNETES_EXEC_INFO in \
                 *ExecCredential*) ;; *) exit 9 ;; esac || exit 8";
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    for status in [
        json!({"token": "s3cret-token"}),
        json!({"token": "s3cret-token", "expirationTimestamp": "2100-01-01T00:00:00Z"}),
    ] {
        let script = format!("{check}\nsleep 1; echo '{}'", credential(&status));
        write_kubeconfig(&binary, &cluster, &by_plugin(&binary, &script));
        secret(&binary, &[]).await.assert_code(0);
    }
    let cluster = Kubernetes::start(by_certificate()).await;
    let (certificate, key) = cluster.pki().client();
    let read = |path| std::fs::read_to_string(path).expect("it was written");
    let status = json!({"clientCertificateData": read(certificate), "clientKeyData": read(key)});
    let file = binary.write("credential.json", credential(&status));
    let script = format!("cat '{}'", file.display());
    write_kubeconfig(&binary, &cluster, &by_plugin(&binary, &script));
    secret(&binary, &[]).await.assert_code(0);
}

#[tokio::test]
async fn a_plugin_that_fails_is_told_of_and_what_it_printed_is_not() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let of = |what: &str| format!("the kubeconfig's credentials: {what}");
    let failed = "the exec plugin failed (exit status: 7): run it by hand to see why, since what it \
                  prints may be secret";
    let no_answer = of("the exec plugin's answer is no ExecCredential with a status");
    for (script, line) in [
        ("echo s3cret-token; echo s3cret-token >&2; exit 7", of(failed)),
        ("echo '{\"status\": s3cret-token'", no_answer.clone()),
        ("echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"v1\"}'", no_answer.clone()),
    ] {
        write_kubeconfig(&binary, &cluster, &by_plugin(&binary, script));
        assert_refused(&secret(&binary, &[]).await, &line);
    }
    let user = by_plugin(&binary, "true");
    write_kubeconfig(&binary, &cluster, &user);
    std::fs::remove_file(binary.folder().join("bin/cluster-login")).expect("it was there");
    let done = secret(&binary, &[]).await;
    done.assert_code(1);
    assert!(done.stderr.contains("the exec plugin cannot be run: No such file"), "{done}");
    assert!(cluster.requests().is_empty());
}

#[tokio::test]
async fn silence_has_an_end() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let (binary, another) = (binary(), binary());
    // With seconds for what comes before the question.
    let line = "the cluster did not answer within 5s (--timeout)";
    write_kubeconfig(&binary, &cluster, &by_plugin(&binary, "exec sleep 20"));
    let hole = BlackHole::start().await;
    let mut config = kubeconfig(&cluster, &by_token());
    config["clusters"][0]["cluster"]["server"] = format!("https://{}", hole.host()).into();
    another.write("home/.kube/config", config.to_string());
    let flags = ["--timeout", "5s"];
    let (by_plugin, by_hole) = tokio::join!(secret(&binary, &flags), secret(&another, &flags));
    assert_refused(&by_plugin, line);
    assert_refused(&by_hole, line);

    // Nobody ever writes into it. Nothing comes before that is bounded.
    let pipe = binary.folder().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("it can be made");
    let line = "the kubeconfig was not read within 1s (--timeout)";
    let flags = ["--timeout", "1s", "--kubeconfig", "pipe"];
    assert_refused(&secret(&binary, &flags).await, line);
    write_kubeconfig(&binary, &cluster, &json!({"tokenFile": pipe}));
    assert_refused(&secret(&binary, &flags[..2]).await, line);
}

#[tokio::test]
async fn the_kubeconfig_is_a_flag_a_list_or_that_of_the_home() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let none = "no kubeconfig: give --kubeconfig, or set KUBECONFIG";
    let done = secret(&binary, &[]).await;
    done.assert_code(1);
    assert!(done.stderr.starts_with(&format!("✗ {none}; nor is this a pod ")), "{done}");
    assert_refused(&secret(&binary, &["--context", "here"]).await, none);

    let mut config = kubeconfig(&cluster, &by_token());
    let more = json!({"name": "there", "context": {
        "cluster": "test", "user": "me", "namespace": "flux-system",
    }});
    config["contexts"].as_array_mut().expect("a list").push(more);
    let file = binary.write("kube.json", config.to_string());
    secret(&binary, &["--kubeconfig", "kube.json"]).await.assert_code(0);
    assert!(cluster.secret("default", "registries").is_some());
    let flags = ["--kubeconfig", "kube.json", "--context", "there"];
    secret(&binary, &flags).await.assert_code(0);
    assert!(cluster.secret("flux-system", "registries").is_some());
    let done = secret(&binary, &["--kubeconfig", "kube.json", "--context", "nowhere"]).await;
    assert_refused(&done, "kubeconfig kube.json: it has no context nowhere");

    // Of several, the first that says something counts; some may be missing.
    let current =
        binary.write("current.yaml", "apiVersion: v1\nkind: Config\ncurrent-context: there\n");
    let list = std::env::join_paths([&binary.folder().join("missing"), &current, &file]);
    let call = binary.call(["secret", "other", "-f", "hosts.yaml"]);
    let done = call.env("KUBECONFIG", list.expect("no colon in them")).run().await;
    assert_eq!(done.stdout, "✔ created secret flux-system/other\n", "{done}");

    let done = secret(&binary, &["--kubeconfig", "missing"]).await;
    done.assert_code(1);
    assert!(
        done.stderr.starts_with("✗ kubeconfig missing: cannot be read: No such file"),
        "{done}"
    );
    let broken =
        "apiVersion: v1\nkind: Config\nusers:\n  - name: me\n    user: {token: [s3cret-token\n";
    binary.write("broken.yaml", broken);
    let done = secret(&binary, &["--kubeconfig", "broken.yaml"]).await;
    done.assert_code(1);
    assert!(done.stderr.starts_with("✗ kubeconfig broken.yaml: no kubeconfig"), "{done}");
    let wrong = "apiVersion: v1\nkind: Config\nusers: {token: s3cret-token}\n";
    binary.write("broken.yaml", wrong);
    let done = secret(&binary, &["--kubeconfig", "broken.yaml"]).await;
    done.assert_code(1);
    assert!(done.stderr.starts_with("✗ kubeconfig broken.yaml: no kubeconfig"), "{done}");
}

#[tokio::test]
async fn a_cluster_of_another_authority_sees_no_token() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let mut config = kubeconfig(&cluster, &by_token());
    let foreign = data(&cluster.pki().foreign_ca());
    config["clusters"][0]["cluster"]["certificate-authority-data"] = foreign.into();
    binary.write("home/.kube/config", config.to_string());
    let done = secret(&binary, &[]).await;
    done.assert_code(1);
    assert!(done.stderr.starts_with("✗ cannot ask the cluster: "), "{done}");
    assert!(done.stderr.contains("certificate"), "{done}");
    assert!(cluster.requests().is_empty());
}

/// Has the service account of a pod in its place, for this process alone, and runs the rest of the arguments.
const IN_POD: &str = r#"
set -eu
account=$1
shift
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /var/run/secrets/kubernetes.io
cp -R "$account" /var/run/secrets/kubernetes.io/serviceaccount
exec "$@"
"#;

#[tokio::test]
async fn a_pod_is_let_in_by_its_service_account_and_writes_where_it_is() {
    // Wants the right to mount, as root has it; where that is missing nothing can be seen.
    let tried = std::process::Command::new("unshare").args(["--mount", "true"]).output();
    if !tried.is_ok_and(|done| done.status.success()) {
        return;
    }
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let pod = Binary::new("/usr/bin/unshare");
    pod.write("hosts.yaml", super::CONFIG);
    let ca = std::fs::read(cluster.pki().ca()).expect("it was written");
    pod.write("account/ca.crt", ca);
    pod.write("account/namespace", "flux-system");
    pod.write("account/token", "s3cret-token\n");
    let url = cluster.url();
    let port = url.rsplit(':').next().expect("it has a port");
    let call = pod.call(["--mount", "sh", "-c", IN_POD, "pod"]).arg(pod.folder().join("account"));
    let call = call.arg(env!("CARGO_BIN_EXE_flux-mirror"));
    let mut call = call.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for argument in ["secret", "registries", "-f", "hosts.yaml"] {
        call = call.arg(argument);
    }
    let call = call.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    let done = call.env("KUBERNETES_SERVICE_PORT", port).run().await;
    done.assert_code(0);
    assert_eq!(done.stdout, "✔ created secret flux-system/registries\n", "{done}");
    assert!(cluster.secret("flux-system", "registries").is_some());
}

#[tokio::test]
async fn what_a_plugin_prints_is_kept_from_the_terminal_and_its_question_from_ours() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    let answer = credential(&json!({"token": "s3cret-token"}));
    let script = format!("echo the token is s3cret-token >&2; echo '{answer}'");
    for mode in [json!(null), json!("IfAvailable")] {
        let mut user = by_plugin(&binary, &script);
        user["exec"]["interactiveMode"] = mode;
        write_kubeconfig(&binary, &cluster, &user);
        secret(&binary, &[]).await.assert_code(0);
    }
    let mut user = by_plugin(&binary, &script);
    user["exec"]["interactiveMode"] = json!("Always");
    write_kubeconfig(&binary, &cluster, &user);
    let expected = "the kubeconfig's exec plugin wants to ask somebody (interactiveMode: Always): \
                    nobody is there to answer";
    assert_refused(&secret(&binary, &[]).await, expected);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_for_clusters_and_a_kubeconfigs_is_refused() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let mut binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    binary.set_env("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9");
    secret(&binary, &[]).await.assert_code(0);

    let mut own = kubeconfig(&cluster, &by_token());
    own["clusters"][0]["cluster"]["proxy-url"] = json!("http://me:hunter2@127.0.0.1:9");
    binary.write("home/.kube/config", own.to_string());
    let done = secret(&binary, &[]).await;
    done.assert_code(1);
    let expected = ": its cluster has a proxy-url, which this command does not speak through\n";
    assert!(done.stderr.ends_with(expected), "{done}");
}
