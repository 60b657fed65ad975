//! `accounts.conf` on a real nats-server, included as NATS's chart includes it: each role may do its
//! work, and nothing else.

mod client;
mod http;
mod lag;
mod processes;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::client::{Client, Server, User};
use super::made::is_made;
use super::objects::overlay;
use super::{text, yaml};

/// The file of the base.
const BASE: &str = "kubernetes/nats/accounts.conf";
/// The file with more regions.
const REGIONS: &str = "kubernetes/overlays/regions/accounts.conf";
/// What stands before a user's variable.
const COORDINATOR: &str = "FLUX_MIRROR_COORDINATOR_NKEY";
const WORKER: &str = "FLUX_MIRROR_WORKER_NKEY_";

/// Returns the variables of public keys in a file.
fn variables(accounts: &str) -> BTreeSet<String> {
    let names = accounts.lines().filter_map(|line| line.trim().strip_prefix("nkey: $"));
    names.map(str::to_owned).collect()
}

/// Returns what is wrong with what a file lets each role do.
async fn judge(accounts: &str) -> Vec<String> {
    let mut users = Vec::new();
    for variable in variables(accounts) {
        users.push(User::new(variable).await);
    }
    let server = Server::start(accounts, &users).await;
    let regions: Vec<_> =
        users.iter().filter_map(|user| user.variable.strip_prefix(WORKER)).collect();
    let regions: Vec<String> = regions.into_iter().map(str::to_lowercase).collect();

    let mut faults = Vec::new();
    let boss = users.iter().find(|user| user.variable == COORDINATOR).expect("a coordinator");
    let mut boss =
        Client::connect(&server, boss, "_INBOX_coord").await.expect("the coordinator's key");
    coordinate(&mut boss, &regions, &mut faults).await;
    for user in users.iter().filter(|user| user.variable.starts_with(WORKER)) {
        let region = user.variable[WORKER.len()..].to_lowercase();
        let inbox = format!("_INBOX_{region}");
        let mut worker = Client::connect(&server, user, &inbox).await.expect("a worker's key");
        work(&mut worker, &region, &mut faults).await;
        for act in forbidden(&region, &regions) {
            if worker.act(act.clone()).await.is_ok() {
                faults.push(format!("a worker of {region} may {act:?}"));
            }
        }
    }
    let others =
        [Act::listen(">"), Act::listen("_INBOX_default.>"), Act::publish("$SYS.REQ.SERVER.PING")];
    for act in others {
        if boss.act(act.clone()).await.is_ok() {
            faults.push(format!("the coordinator may {act:?}"));
        }
    }
    let stranger = User::new("STRANGER".to_owned()).await;
    if Client::connect(&server, &stranger, "_INBOX_coord").await.is_ok() {
        faults.push("a stranger may connect".to_owned());
    }
    faults
}

/// What somebody tries.
#[derive(Clone, Debug)]
enum Act {
    Publish(String),
    Listen(String),
}

impl Act {
    fn publish(subject: impl Into<String>) -> Self {
        Self::Publish(subject.into())
    }

    fn listen(subject: impl Into<String>) -> Self {
        Self::Listen(subject.into())
    }
}

/// What a worker of `region` must not: publish jobs or records, read the log, touch another region's
/// jobs, make or remove anything, answer for others, listen to others.
fn forbidden(region: &str, regions: &[String]) -> Vec<Act> {
    let jobs = format!("FM_JOBS_{region}");
    let mut acts = vec![
        Act::publish(format!("fm.v1.job.{region}.run")),
        Act::publish("fm.v1.log.run"),
        Act::publish("fm.v1.log.leader"),
        Act::publish("$JS.API.STREAM.MSG.GET.FM_RUNLOG"),
        Act::publish("$JS.API.DIRECT.GET.FM_RUNLOG"),
        Act::publish("$JS.API.DIRECT.GET.FM_RUNLOG.fm.v1.log.leader"),
        Act::publish("$JS.API.CONSUMER.CREATE.FM_RUNLOG"),
        Act::publish(format!("$JS.API.CONSUMER.CREATE.{jobs}")),
        Act::publish(format!("$JS.API.CONSUMER.DURABLE.CREATE.{jobs}.mine")),
        Act::publish(format!("$JS.API.CONSUMER.DELETE.{jobs}.copy")),
        Act::publish(format!("$JS.API.STREAM.INFO.{jobs}")),
        Act::publish(format!("$JS.API.STREAM.UPDATE.{jobs}")),
        Act::publish(format!("$JS.API.STREAM.PURGE.{jobs}")),
        Act::publish(format!("$JS.API.STREAM.DELETE.{jobs}")),
        Act::publish("$JS.API.STREAM.NAMES"),
        Act::publish("$JS.API.INFO"),
        Act::publish("$JS.ACK.FM_RUNLOG.x.1.1.1.1.0"),
        Act::publish("_INBOX_coord.1"),
        Act::publish("$SYS.REQ.SERVER.PING"),
        Act::listen(">"),
        Act::listen("fm.v1.>"),
        Act::listen("_INBOX.>"),
        Act::listen("_INBOX_coord.>"),
        Act::listen("$JS.EVENT.ADVISORY.>"),
    ];
    let elsewhere = ["asia".to_owned()];
    for other in regions.iter().chain(&elsewhere).filter(|other| *other != region) {
        acts.push(Act::publish(format!("$JS.API.CONSUMER.MSG.NEXT.FM_JOBS_{other}.copy")));
        acts.push(Act::publish(format!("$JS.API.CONSUMER.INFO.FM_JOBS_{other}.copy")));
        acts.push(Act::publish(format!("$JS.ACK.FM_JOBS_{other}.copy.1.1.1.1.0")));
        acts.push(Act::listen(format!("_INBOX_{other}.>")));
    }
    acts
}

/// The coordinator's work: streams, consumers, jobs, the log.
async fn coordinate(boss: &mut Client, regions: &[String], faults: &mut Vec<String>) {
    let mut calls = vec![
        (
            "$JS.API.STREAM.CREATE.FM_RUNLOG".to_owned(),
            stream("FM_RUNLOG", "fm.v1.log.>", "limits"),
        ),
        ("fm.v1.log.leader".to_owned(), json!({"record": 1})),
        (
            "$JS.API.STREAM.MSG.GET.FM_RUNLOG".to_owned(),
            json!({"last_by_subj": "fm.v1.log.leader"}),
        ),
        ("$JS.API.STREAM.INFO.FM_RUNLOG".to_owned(), json!({})),
    ];
    for region in regions {
        let jobs = format!("FM_JOBS_{region}");
        let config =
            json!({"durable_name": "copy", "ack_policy": "explicit", "max_ack_pending": 512});
        let subject = format!("fm.v1.job.{region}.>");
        calls.push((format!("$JS.API.STREAM.CREATE.{jobs}"), stream(&jobs, &subject, "workqueue")));
        calls.push((
            format!("$JS.API.CONSUMER.DURABLE.CREATE.{jobs}.copy"),
            json!({"stream_name": jobs, "config": config}),
        ));
        calls.push((format!("fm.v1.job.{region}.run"), json!({"job": 1})));
    }
    for (subject, payload) in calls {
        let answer = boss.request(&subject, &payload.to_string()).await;
        let answer = answer
            .and_then(|it| serde_json::from_str::<Value>(&it.payload).map_err(|it| it.to_string()));
        match answer {
            Ok(answer) if answer["error"].is_null() => {}
            other => faults.push(format!("the coordinator cannot {subject}: {other:?}")),
        }
    }
    if let Err(error) = boss.act(Act::listen("$JS.EVENT.ADVISORY.>")).await {
        faults.push(format!("the coordinator cannot hear advisories: {error}"));
    }
}

fn stream(name: &str, subject: &str, retention: &str) -> Value {
    json!({
        "name": name, "subjects": [subject], "retention": retention, "storage": "file",
        "discard": "new", "allow_direct": true, "num_replicas": 1,
    })
}

/// A worker's work: fetch, say that it goes on, acknowledge, ask how the consumer stands.
async fn work(worker: &mut Client, region: &str, faults: &mut Vec<String>) {
    let jobs = format!("FM_JOBS_{region}.copy");
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{jobs}");
    let mut fault =
        |what: &str, error| faults.push(format!("a worker of {region} cannot {what}: {error}"));
    let message = match worker.request(&next, r#"{"batch": 1, "no_wait": true}"#).await {
        Ok(message) => message,
        Err(error) => return fault("fetch", error),
    };
    let Some(acknowledgement) = message.reply.filter(|it| it.starts_with("$JS.ACK.")) else {
        return fault("fetch", format!("{:?}", message.payload));
    };
    if let Err(error) = worker.act(Act::publish(acknowledgement.clone())).await {
        fault("say that it goes on", error);
    }
    if let Err(error) = worker.request(&acknowledgement, "+ACK").await {
        fault("acknowledge", error);
    }
    let info = worker.request(&format!("$JS.API.CONSUMER.INFO.{jobs}"), "").await;
    let info = info.map(|it| serde_json::from_str::<Value>(&it.payload).unwrap_or_default());
    match info {
        Ok(info) if info["num_pending"] == 0 && info["num_ack_pending"] == 0 => {}
        Ok(info) => fault("acknowledge for good", info.to_string()),
        Err(error) => fault("ask how its consumer stands", error),
    }
}

#[tokio::test]
async fn each_role_may_do_its_work_and_nothing_else() {
    for file in [BASE, REGIONS] {
        assert_eq!(judge(&text(file)).await, Vec::<String>::new(), "{file}");
    }
}

#[tokio::test]
async fn a_permission_too_much_or_too_little_is_found() {
    let accounts = text(BASE);
    let coordinator = r#""fm.v1.>", "#;
    let next = r#""$JS.API.CONSUMER.MSG.NEXT.FM_JOBS_default.>""#;
    let info = r#""$JS.API.CONSUMER.INFO.FM_JOBS_default.>""#;
    let ack = r#""$JS.ACK.FM_JOBS_default.>", "$JS.ACK.*.*.FM_JOBS_default.>""#;
    let inbox = r#""_INBOX_default.>""#;
    for (from, to, fault) in [
        (coordinator, "", "the coordinator cannot fm.v1.log.leader"),
        (r#""$JS.API.>", "#, "", "the coordinator cannot $JS.API.STREAM.CREATE.FM_RUNLOG"),
        (r#""_INBOX_coord.>", "#, r#"">", "#, "the coordinator may Listen(\">\")"),
        (next, r#""x""#, "a worker of default cannot fetch"),
        (next, r#""$JS.API.>""#, "may Publish(\"$JS.API.STREAM.DELETE.FM_JOBS_default\")"),
        (next, &format!(r#"{next}, "fm.v1.job.>""#), "may Publish(\"fm.v1.job.default.run\")"),
        (ack, r#""x""#, "a worker of default cannot acknowledge"),
        (info, r#""x""#, "cannot ask how its consumer stands"),
        (inbox, r#"">""#, "may Listen(\"_INBOX_coord.>\")"),
        (inbox, r#"[ "_INBOX_default.>", "fm.v1.>" ]"#, "may Listen(\"fm.v1.>\")"),
    ] {
        assert!(accounts.contains(from), "{from}");
        // A list in a list is no list of subjects.
        let changed = accounts.replace(from, to).replace("[ [", "[").replace("] ]", "]");
        let faults = judge(&changed).await;
        assert!(faults.iter().any(|it| it.contains(fault)), "{from} → {to}: {faults:#?}");
    }
}

/// The chart's values bring the file to where it is included, and a key for each user.
#[tokio::test]
async fn the_values_of_the_chart_bring_accounts_and_keys() {
    let values = yaml("kubernetes/nats/values.yaml");
    let included = values["config"]["merge"]["accounts$include"].as_str().expect("an include");
    let mount = &values["container"]["patch"][0]["value"];
    let path = format!("{}/accounts.conf", mount["mountPath"].as_str().unwrap_or_default());
    assert_eq!(included.replacen("..", "/etc", 1), path, "from /etc/nats-config");
    let volume = &values["podTemplate"]["patch"][0]["value"];
    assert_eq!(volume["name"], mount["name"]);
    let map = volume["configMap"]["name"].as_str().unwrap_or_default();
    for (file, folder) in [(BASE, "base"), (REGIONS, "overlays/regions")] {
        let rendered = overlay(folder).await;
        let maps = rendered.of("ConfigMap");
        let map = maps.filter(|it| it["metadata"]["name"] == map).collect::<Vec<_>>();
        assert_eq!(map.len(), 1, "{folder}");
        assert_eq!(map[0]["data"]["accounts.conf"], text(file), "{folder}");
        let more =
            if file == BASE { json!({}) } else { yaml("kubernetes/overlays/regions/values.yaml") };
        let keys = [&values, &more].into_iter().filter_map(|it| it["container"]["env"].as_object());
        let keys: Vec<_> = keys.flatten().collect();
        let names: BTreeSet<String> = keys.iter().map(|(name, _)| (*name).clone()).collect();
        assert_eq!(names, variables(&text(file)), "{folder}");
        for (name, value) in keys {
            let from = &value["valueFrom"]["configMapKeyRef"];
            let (map, key) = (from["name"].as_str().unwrap_or_default(), from["key"].as_str());
            assert!(key.is_some() && is_made("ConfigMap", map, key), "{name} is nobody's: {from}");
        }
    }
    let tls = values["config"]["nats"]["tls"]["secretName"].as_str().unwrap_or_default();
    assert!(is_made("Secret", tls, Some("tls.key")), "{tls}");
}

/// All regions have the same rights, but for the region's name.
#[test]
fn regions_differ_by_name_alone() {
    let rights = |file: &str, variable: &str| {
        let all = text(file);
        let user = all.split("nkey: $").find(|it| it.starts_with(variable)).expect("a user");
        let region = variable.strip_prefix(WORKER).unwrap_or_default().to_lowercase();
        let lines = user.lines().skip(1).take_while(|line| !line.starts_with("      }"));
        lines.map(|line| line.replace(&region, "")).collect::<Vec<_>>().join("\n")
    };
    let default = rights(BASE, &format!("{WORKER}DEFAULT"));
    assert!(default.contains("_INBOX_.>"), "{default}");
    for region in ["DEFAULT", "EU", "US"] {
        assert_eq!(rights(REGIONS, &format!("{WORKER}{region}")), default, "{region}");
    }
}
