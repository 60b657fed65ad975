//! What is written, and when nothing is.

use mirror_tests::kubernetes::{Kubernetes, KubernetesOptions};
use mirror_tests::scripted::Answer;
use serde_json::{Value, json};

use super::{assert_refused, binary, by_token, secret, write_kubeconfig};

const PATH: &str = "/api/v1/namespaces/default/secrets";

/// A Secret of this type that somebody else made.
fn other(kind: &str) -> Value {
    json!({
        "metadata": {"name": "registries", "labels": {"team": "a"}, "annotations": {"by": "hand"}},
        "type": kind, "data": {"old": "eA=="},
    })
}

fn expected() -> Value {
    json!({"auths": {
        "basic.example:5000": {
            "username": "robot", "password": "hunter2", "auth": "cm9ib3Q6aHVudGVyMg==",
        },
        "bearer.example": {"registrytoken": "b3arer"},
    }})
}

#[tokio::test]
async fn a_secret_is_created_and_then_replaced() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    let done = secret(&binary, &[]).await;
    done.assert_code(0);
    assert_eq!(done.stdout, "✔ created secret default/registries\n");
    assert_eq!(cluster.docker_config("default", "registries"), expected());
    let made = cluster.secret("default", "registries").expect("it was made");
    assert_eq!(made["type"], "kubernetes.io/dockerconfigjson");

    let done = secret(&binary, &["--host", "bearer.example"]).await;
    done.assert_code(0);
    assert_eq!(done.stdout, "✔ replaced secret default/registries\n");
    let one = json!({"auths": {"bearer.example": {"registrytoken": "b3arer"}}});
    assert_eq!(cluster.docker_config("default", "registries"), one);
    let asked = [
        format!("GET {PATH}/registries 404"),
        format!("POST {PATH} 201"),
        format!("GET {PATH}/registries 200"),
        format!("PUT {PATH}/registries 200"),
    ];
    assert_eq!(cluster.requests(), asked);
}

#[tokio::test]
async fn what_is_replaced_keeps_its_metadata_and_loses_its_data() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let kind = "kubernetes.io/dockerconfigjson";
    let mut there = other(kind);
    there["data"] = json!({"old": "eA==", ".dockerconfigjson": "e30="});
    cluster.put("flux-system", there);
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    secret(&binary, &["-n", "flux-system"]).await.assert_code(0);
    let now = cluster.secret("flux-system", "registries").expect("it is there");
    assert_eq!(now["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(now["metadata"]["annotations"], json!({"by": "hand"}));
    assert_eq!(now["data"].as_object().map(serde_json::Map::len), Some(1), "{now}");
    assert_eq!(cluster.docker_config("flux-system", "registries"), expected());
}

#[tokio::test]
async fn create_refuses_what_is_there() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    let done = secret(&binary, &["--create"]).await;
    done.assert_code(0);
    assert_eq!(done.stdout, "✔ created secret default/registries\n");
    let before = cluster.secret("default", "registries");
    let done = secret(&binary, &["--create"]).await;
    let line = "secret default/registries is there already, and --create refuses to replace it";
    assert_refused(&done, line);
    assert_eq!(cluster.secret("default", "registries"), before);
    assert_eq!(cluster.requests(), [format!("POST {PATH} 201"), format!("POST {PATH} 409")]);
}

#[tokio::test]
async fn a_quota_that_is_being_counted_is_no_secret_that_is_there() {
    let counting = KubernetesOptions { counting: true, ..KubernetesOptions::default() };
    let cluster = Kubernetes::start(counting).await;
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    let line = "the cluster answered 409: Operation cannot be fulfilled on resourcequotas \"all\": the \
                object has been modified; please apply your changes to the latest version and try again";
    for flags in [&["--create"][..], &[]] {
        assert_refused(&secret(&binary, flags).await, line);
    }
}

#[tokio::test]
async fn a_secret_of_another_type_or_an_immutable_one_is_left_alone() {
    let ours = "kubernetes.io/dockerconfigjson";
    let immutable = |mut secret: Value| {
        secret["immutable"] = true.into();
        secret["data"] = json!({".dockerconfigjson": "e30="});
        secret
    };
    let is_of = |kind: &str| {
        format!(
            "secret default/registries is of type {kind}, not {ours}, and a Secret's type cannot be \
             changed: delete it, or take another name"
        )
    };
    for (there, line) in [
        (other("Opaque"), is_of("Opaque")),
        (other("kubernetes.io/dockercfg"), is_of("kubernetes.io/dockercfg")),
        (
            immutable(other(ours)),
            "secret default/registries is immutable: delete it, or take another name".to_owned(),
        ),
    ] {
        let cluster = Kubernetes::start(KubernetesOptions::default()).await;
        cluster.put("default", there);
        let before = cluster.secret("default", "registries");
        let binary = binary();
        write_kubeconfig(&binary, &cluster, &by_token());
        assert_refused(&secret(&binary, &[]).await, &line);
        assert_eq!(cluster.secret("default", "registries"), before);
        assert_eq!(cluster.requests(), [format!("GET {PATH}/registries 200")]);
    }
}

#[tokio::test]
async fn who_writes_at_the_same_time_is_heeded_and_not_waited_for_for_ever() {
    for (meddling, code) in [(4, 0), (5, 1)] {
        let options = KubernetesOptions { meddling, ..KubernetesOptions::default() };
        let cluster = Kubernetes::start(options).await;
        let mut there = other("kubernetes.io/dockerconfigjson");
        there["data"] = json!({".dockerconfigjson": "e30="});
        cluster.put("default", there);
        let binary = binary();
        write_kubeconfig(&binary, &cluster, &by_token());
        let done = secret(&binary, &[]).await;
        done.assert_code(code);
        let puts = cluster.requests().iter().filter(|line| line.starts_with("PUT")).count();
        assert_eq!(puts, 5, "{:?}", cluster.requests());
        if code == 1 {
            let line = "secret default/registries is written by others all the time: 5 attempts \
                        were in vain";
            assert_refused(&done, line);
        }
    }
}

#[tokio::test]
async fn what_the_cluster_refuses_is_told_in_its_words() {
    let forbidden = |verb: &str| {
        format!(
            "the cluster answered 403: secrets is forbidden: User \"test\" cannot {verb} resource \
             \"secrets\" in API group \"\" in the namespace \"default\""
        )
    };
    for verb in ["get", "create"] {
        let options =
            KubernetesOptions { forbidden: vec![verb.to_owned()], ..KubernetesOptions::default() };
        let cluster = Kubernetes::start(options).await;
        let binary = binary();
        write_kubeconfig(&binary, &cluster, &by_token());
        assert_refused(&secret(&binary, &[]).await, &forbidden(verb));
    }
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    let done = secret(&binary, &["--namespace", "nowhere"]).await;
    assert_refused(&done, "the cluster answered 404: namespaces \"nowhere\" not found");
}

#[tokio::test]
async fn an_answer_that_is_not_of_kubernetes_is_told_by_its_status_alone() {
    let html = "<html>hunter2</html>";
    for answer in [
        Answer::status(302).with("Location", "https://login.example/hunter2"),
        Answer::status(502).body(html),
        Answer::status(503).body(html),
        Answer::status(404).body(html),
        Answer::status(200).body(html),
        Answer::json(200, &json!({"kind": "Login", "apiVersion": "v1", "password": "hunter2"})),
        Answer::json(403, &json!({"message": "hunter2", "code": 7})),
        Answer::status(500).body(&b"\xff\xfe"[..]),
    ] {
        let status = answer.status;
        let proxy = Some(answer);
        let options = KubernetesOptions { proxy, ..KubernetesOptions::default() };
        let cluster = Kubernetes::start(options).await;
        let binary = binary();
        write_kubeconfig(&binary, &cluster, &by_token());
        let line = format!(
            "the cluster, or a proxy before it, answered {status} with something that is not of \
             Kubernetes"
        );
        for flags in [&[][..], &["--create"]] {
            assert_refused(&secret(&binary, flags).await, &line);
        }
        assert_eq!(cluster.requests().len(), 2, "nothing asks to be asked again");
    }
}

#[tokio::test]
async fn a_cluster_that_says_when_to_come_again_is_asked_again() {
    for (busy, code) in [(9, 0), (10, 1)] {
        let options = KubernetesOptions { busy, ..KubernetesOptions::default() };
        let cluster = Kubernetes::start(options).await;
        let binary = binary();
        write_kubeconfig(&binary, &cluster, &by_token());
        let done = secret(&binary, &["--create"]).await;
        done.assert_code(code);
        assert_eq!(cluster.requests().len(), 10, "{:?}", cluster.requests());
        if code == 1 {
            let line =
                "the cluster answered 429: the server is currently unable to handle the request";
            assert_refused(&done, line);
        }
    }
}

#[tokio::test]
async fn what_is_no_name_is_refused_before_anything_is_read() {
    let binary = binary();
    for arguments in [
        &["secret", "Registries", "-f", "hosts.yaml"][..],
        &["secret", "a..b", "-f", "hosts.yaml"],
        &["secret", "registries", "-f", "hosts.yaml", "-n", "a.b"],
        &["secret", "registries", "-f", "hosts.yaml", "-n", "-a"],
        &["secret", "-f", "hosts.yaml"],
    ] {
        let done = binary.call(arguments).run().await;
        done.assert_code(1);
        assert_eq!(done.stderr.lines().count(), 1, "{done}");
    }
}

#[tokio::test]
async fn without_credentials_the_cluster_is_not_asked() {
    let cluster = Kubernetes::start(KubernetesOptions::default()).await;
    let binary = binary();
    write_kubeconfig(&binary, &cluster, &by_token());
    binary.write("hosts.yaml", super::CONFIG.replace("value: 'b3arer'", "fromPath: token"));
    binary.write("token", "\n");
    let done = secret(&binary, &[]).await;
    assert_refused(&done, "no credential for bearer.example: file `token` is empty");
    assert!(cluster.requests().is_empty());
}
