//! What KEDA reads on NATS's monitoring port for its trigger: jobs that wait and jobs that are held,
//! of our account, without a word about who asks.

use serde_json::Value;

use super::super::objects::{items, overlay};
use super::super::text;
use super::client::{Client, Server, User};
use super::{BASE, COORDINATOR, WORKER, coordinate, http};

/// Returns the consumer of the trigger, as KEDA finds it.
async fn consumer(server: &Server, trigger: &Value) -> Option<Value> {
    let word = |key: &str| trigger[key].as_str().expect("a word of the trigger");
    let page = format!("/jsz?acc={}&consumers=true&config=true", word("account"));
    let page = http::get(server.monitoring(), &page).await.expect("the port answers");
    let page: Value = serde_json::from_str(&page).expect("the page is JSON");
    let find = |list: &Value, name: &str| items(list).iter().find(|it| it["name"] == name).cloned();
    let account = find(&page["account_details"], word("account"))?;
    let stream = find(&account["stream_detail"], word("stream"))?;
    find(&stream["consumer_detail"], word("consumer"))
}

#[tokio::test]
async fn keda_reads_what_waits_and_what_is_held() {
    let overlay = overlay("overlays/keda").await;
    let scaled = overlay.of("ScaledObject").next().expect("a ScaledObject");
    let trigger = &scaled["spec"]["triggers"][0]["metadata"];
    let users =
        [User::new(COORDINATOR.to_owned()).await, User::new(format!("{WORKER}DEFAULT")).await];
    let server = Server::start(&text(BASE), &users).await;
    let mut boss = Client::connect(&server, &users[0], "_INBOX_coord").await.expect("its key");
    let mut worker = Client::connect(&server, &users[1], "_INBOX_default").await.expect("its key");
    assert_eq!(consumer(&server, trigger).await, None, "before there is a fleet");

    let mut faults = Vec::new();
    coordinate(&mut boss, &["default".to_owned()], &mut faults).await;
    assert_eq!(faults, Vec::<String>::new());
    let next = "$JS.API.CONSUMER.MSG.NEXT.FM_JOBS_default.copy";
    worker.request(next, r#"{"batch": 1, "no_wait": true}"#).await.expect("the first job");
    for run in ["a", "b"] {
        boss.request(&format!("fm.v1.job.default.{run}"), "{}").await.expect("a job more");
    }
    let found = consumer(&server, trigger).await.expect("what the trigger names");
    let count = |key: &str| found[key].as_u64().unwrap_or_default();
    assert_eq!((count("num_pending"), count("num_ack_pending")), (2, 1), "{found}");
}
