//! What is called is what the program takes: every command and flag of a manifest stands in
//! `flux-mirror COMMAND --help`, and values that must agree with each other do.

use std::collections::BTreeMap;

use mirror_tests::binary::Binary;
use serde_json::{Value, json};

use super::objects::{Pods, Rendered, items, overlay, rendered};
use super::{assert_kept, check};

/// The flags of a command, and whether each takes a value.
pub(super) type Flags = BTreeMap<String, bool>;

/// What a worker needs after its drain: rows on their way, and the kubelet.
const SLACK: u64 = 30;
/// How long a tag that is being written may take, in seconds: its permission, and the write.
const WRITE: u64 = 20;
/// The longest that a region's name may be; it stands in subjects.
const MAX_REGION: usize = 32;

/// Asks the program what a command takes.
pub(super) async fn flags(command: &str) -> Flags {
    let program = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let help = program.call([command, "--help"]).run().await;
    assert_eq!(help.code(), Some(0), "the program has no command {command}: {help}");
    read_help(&help.stdout)
}

fn read_help(help: &str) -> Flags {
    // As clap sets options; examples below them are set elsewhere.
    let is_option = |line: &&str| line.starts_with("  -") || line.starts_with("      --");
    let lines = help.lines().filter(is_option);
    let flags = lines.filter_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| !word.starts_with("--"));
        let flag = words.next()?;
        let is_valued = words.next().is_some_and(|word| word.starts_with(['<', '[']));
        let flag = flag.split(['=', '[', '.']).next()?;
        Some((flag.to_owned(), is_valued))
    });
    flags.collect()
}

/// Returns what is wrong with a call: a flag that there is not, a value where none is taken, or
/// none where one is.
pub(super) fn judge_call(arguments: &[String], flags: &Flags) -> Vec<String> {
    let mut faults = Vec::new();
    for argument in arguments.iter().skip(1) {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (argument.as_str(), None),
        };
        if argument.contains("$(") {
            faults.push(format!("{argument}: a variable that is not in the environment"));
        }
        if !flag.starts_with('-') {
            continue;
        }
        match flags.get(flag) {
            None => faults.push(format!("{flag}: the command has no such flag")),
            Some(true) if value.is_none_or(str::is_empty) => {
                faults.push(format!("{flag}: wants a value, after ="));
            }
            Some(false) if value.is_some() => faults.push(format!("{flag}: takes no value")),
            Some(_) => {}
        }
    }
    faults
}

/// Values that must agree.
fn rule(rendered: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    for pods in rendered.pods() {
        match pods.arguments().first().map(String::as_str) {
            Some("coordinator") => coordinator(pods, &mut faults),
            Some("worker") => worker(rendered, pods, &mut faults),
            Some("sync") => {}
            other => faults.push(format!("{}: calls {other:?}", pods.title())),
        }
        for (flag, port) in [("--listen", "grpc"), ("--metrics", "metrics")] {
            let bound = pods.flag(flag).map(|it| it.rsplit(':').next().unwrap_or("").to_owned());
            let number = pods.ports().iter().find(|it| it.0 == port).map(|it| it.1.to_string());
            if bound != number {
                faults.push(format!("{}: {flag} is not the port {port}", pods.title()));
            }
        }
    }
    faults
}

/// Returns the URL of each coordinator, by the names that a `StatefulSet` gives.
fn addresses(rendered: &Rendered) -> Vec<String> {
    let set = rendered.of("StatefulSet").next();
    let count = set.and_then(|it| it["spec"]["replicas"].as_u64()).unwrap_or(0);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = set.map(|it| word(&it["metadata"]["name"])).unwrap_or_default();
    let service = set.map(|it| word(&it["spec"]["serviceName"])).unwrap_or_default();
    let space = set.map(|it| word(&it["metadata"]["namespace"])).unwrap_or_default();
    (0..count).map(|n| format!("https://{name}-{n}.{service}.{space}.svc:7443")).collect()
}

fn coordinator(pods: Pods<'_>, faults: &mut Vec<String>) {
    if pods
        .flag("--advertise")
        .is_none_or(|it| !it.starts_with("https://flux-mirror-coordinator-0."))
    {
        faults.push(format!("{}: --advertise is not the pod's own name", pods.title()));
    }
    let guards = ["--client-ca", "--token-file"].map(|it| pods.flag(it).is_some());
    if !guards.contains(&true) {
        faults.push(format!("{}: takes anybody", pods.title()));
    }
    let spec = pods.owner;
    if spec["spec"]["replicas"].as_u64().is_none_or(|it| it < 2) {
        faults.push(format!("{}: has no standby", pods.title()));
    }
}

fn worker(rendered: &Rendered, pods: Pods<'_>, faults: &mut Vec<String>) {
    let mut fault = |what: &str| faults.push(format!("{}: {what}", pods.title()));
    let seconds = |flag| pods.flag(flag).and_then(|it| seconds(&it));
    let grace = pods.template["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(0);
    match seconds("--drain-timeout") {
        Some(drain) if grace < drain + SLACK => {
            fault("is killed before its drain and 30 s are over");
        }
        Some(drain) if drain < WRITE + SLACK => {
            fault(
                "its drain is shorter than a tag that is being written and the flush of its rows",
            );
        }
        Some(_) => {}
        None => fault("--drain-timeout must be given as 1m30s"),
    }
    let region = pods.flag("--region").unwrap_or_default();
    let is_region = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if region.is_empty() || region.len() > MAX_REGION || !region.chars().all(is_region) {
        fault("--region is no region");
    }
    if pods.labels().get("mirror.plugin.fluxcd.io/region") != Some(&region) {
        fault("its label is of another region");
    }
    if pods.flag("--nats-inbox-prefix") != Some(format!("_INBOX_{region}")) {
        fault("its inbox is not its region's");
    }
    let volumes = items(&pods.template["spec"]["volumes"]).iter();
    let key = format!("flux-mirror-worker-nkey-{region}");
    if !volumes.clone().any(|it| it["secret"]["secretName"] == key) {
        fault("its nkey is not its region's");
    }
    if pods.flag("--coordinator") != Some(addresses(rendered).join(",")) {
        fault("--coordinator is not the list of coordinators");
    }
}

/// Reads `5m30s`.
fn seconds(duration: &str) -> Option<u64> {
    let (minutes, rest) = duration.split_once('m').unwrap_or(("0", duration));
    let rest = if rest.is_empty() { "0" } else { rest.strip_suffix('s')? };
    Some(minutes.parse::<u64>().ok()? * 60 + rest.parse::<u64>().ok()?)
}

#[tokio::test]
async fn values_agree_with_each_other() {
    assert_kept(rule).await;
    let base = overlay("base").await;
    let spec = "/spec/template/spec";
    let worker = |path: &str, value, fault| {
        let pointer = format!("{spec}/{path}");
        check(rule, base, ("Deployment/flux-mirror-worker", &pointer, value), fault);
    };
    worker("terminationGracePeriodSeconds", json!(359), "is killed before its drain");
    worker("containers/0/args/11", json!("--drain-timeout=0m45s"), "its drain is shorter");
    worker("containers/0/args/11", Value::Null, "--drain-timeout must be given");
    worker("containers/0/env/1/value", json!("EU"), "--region is no region");
    worker("containers/0/env/1/value", json!("eu"), "its label is of another region");
    worker("containers/0/env/1/value", json!("eu"), "its nkey is not");
    worker("containers/0/args/4", json!("--nats-inbox-prefix=_INBOX"), "its inbox is not");
    worker("containers/0/args/0", json!("work"), "calls Some(\"work\")");
    worker("containers/0/args/12", json!("--metrics=0.0.0.0:9091"), "--metrics is not the port");
    let set = "StatefulSet/flux-mirror-coordinator";
    let coordinator = |path: &str, value, fault| check(rule, base, (set, path, value), fault);
    coordinator("/spec/replicas", json!(3), "--coordinator is not the list");
    coordinator("/spec/replicas", json!(1), "has no standby");
    coordinator(&format!("{spec}/containers/0/args/9"), Value::Null, "takes anybody");
    let alone = json!("--advertise=https://flux-mirror-coordinator:7443");
    coordinator(&format!("{spec}/containers/0/args/6"), alone, "the pod's own name");
}

/// Of every overlay, and of the components.
#[tokio::test]
async fn every_flag_stands_in_the_help() {
    let mut known = BTreeMap::new();
    let mut faults = Vec::new();
    for rendered in rendered().await {
        for pods in rendered.pods() {
            let arguments = pods.arguments();
            let command = arguments[0].clone();
            if !known.contains_key(&command) {
                known.insert(command.clone(), flags(&command).await);
            }
            let found = judge_call(&arguments, &known[&command]);
            faults.extend(found.iter().map(|it| format!("{}: {it}", pods.title())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_flag_that_is_not_in_the_help_is_found() {
    let help = flags("sync").await;
    let example =
        "  flux-mirror sync mirror.yaml \\\n    --output json\n      --output <text|json>  …";
    assert_eq!(read_help(example), Flags::from([("--output".to_owned(), true)]));
    let judge = |arguments: &str| {
        let arguments: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
        judge_call(&arguments, &help).join(", ")
    };
    assert_eq!(judge("sync mirror.yaml --no-progress --concurrency=8 --timeout=1m"), "");
    assert_eq!(judge("sync --fast"), "--fast: the command has no such flag");
    assert_eq!(judge("sync --concurrency"), "--concurrency: wants a value, after =");
    assert_eq!(judge("sync --dry-run=yes"), "--dry-run: takes no value");
    let variable = judge("sync --concurrency=$(MANY)");
    assert_eq!(variable, "--concurrency=$(MANY): a variable that is not in the environment");
}
