//! Hosts that are silent, slow, or not there: their jobs end in time, and the jobs of others go on.
//!
//! The program waits 30 s for a silent host. These are runs of the library, whose clock stands still until
//! all is as a test wants it, and is moved on then: no machine is too slow for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mirror_tests::binary::eventually;
use mirror_tests::black_hole::{BlackHole, nobody};
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Image, image, noise};
use mirror_tests::scripted::Kind::{BlobGet, ManifestGet, ManifestHead, UploadPut};
use mirror_tests::scripted::{At, Fault, Gate, Rule, ScriptedRegistry, Stop};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::{advance, resume, sleep};

use crate::requests::pair::{Pair, assert_rows};

/// Longer than a host may be silent, and not twice as long.
const SILENCE: Duration = Duration::from_secs(31);

/// How long a test waits for what ought to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for whoever would give up too early to have done so.
const SETTLED: Duration = Duration::from_millis(300);

/// Long enough for every attempt that does not wait for its host to be over.
const AWAY: Duration = Duration::from_secs(3);

/// Waits, by a clock of its own, while the paused clock of the test stands still: it would go on by itself
/// where nothing is left to do, and this is something.
async fn still(waiting: impl Future<Output = ()> + Send + 'static) {
    let wait =
        move || Builder::new_current_thread().enable_time().build().unwrap().block_on(waiting);
    spawn_blocking(wait).await.unwrap();
}

/// Waits until so many requests in all have come to the gate, while the clock stands still.
async fn held(gate: &Gate, count: usize) {
    let gate = gate.clone();
    still(async move { gate.reached(count).await }).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_gives_no_answer_is_silent() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let gate = Gate::closed();
    pair.source.script(Rule::on(ManifestGet), Fault::none().hold(&gate));
    let running = tokio::spawn(pair.run(&["app"]).rows());
    held(&gate, 1).await;
    advance(SILENCE).await;
    resume();
    let rows = running.await.unwrap();
    assert_eq!(rows[0].1, "failed");
    assert!(rows[0].2.contains("was silent"), "{rows:?}");
}

#[tokio::test]
async fn a_host_that_never_takes_a_connection_is_given_up() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let hole = BlackHole::start().await;
    let mut run = pair.run(&["app"]);
    run.timing.connect = Duration::from_secs(1);
    let place: mirror_oci::RepositoryRef = format!("{}/app", hole.host()).parse().unwrap();
    run.entries[0].destination = mirror_oci::Place::Registry(place);
    let rows = run.rows().await;
    assert_eq!(rows[0].1, "failed");
    assert!(rows[0].2.contains("cannot reach"), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_ends_in_an_error_and_the_next_attempt_can_succeed() {
    let pair = Pair::plain();
    let sample = image("app");
    pair.source.store().push("app", "1.0.0", &sample);
    let is_sent = Arc::new(AtomicBool::new(false));
    let sent = Arc::clone(&is_sent);
    let stall = Fault::none().stop(At::Head, Stop::Hang);
    let stall = stall.afterwards(move |_, _| sent.store(true, Ordering::SeqCst));
    let stalled = pair.source.script(Rule::on(BlobGet).nth(1), stall);
    let mut run = pair.run(&["app"]);
    // It is not the answer that is waited for, nor the end of the job's time.
    (run.timing.answer, run.limits.timeout) = (SILENCE * 10, SILENCE * 10);
    run.limits.attempts = 2.try_into().unwrap();
    let running = tokio::spawn(run.rows());
    still(async move {
        eventually("the head is sent", PATIENCE, || is_sent.load(Ordering::SeqCst)).await;
    })
    .await;
    advance(SILENCE).await;
    resume();
    let rows = running.await.unwrap();
    assert_eq!((rows[0].1, stalled.fired()), ("copied", 1), "{rows:?}");
    pair.destination.store().assert_holds("app", "1.0.0", &sample);
}

#[tokio::test]
async fn a_trickle_is_no_transfer() {
    let pair = Pair::plain();
    let sample = Image::new().layer(noise("layer", 40_000)).build();
    pair.source.store().push("app", "1.0.0", &sample);
    let layer = Rule::on(BlobGet).reference(&mirror_tests::digest::sha256(&sample.blobs[1]));
    pair.source.script(layer, Fault::none().slow(4000));
    let mut run = pair.run(&["app"]);
    run.timing.floor = Duration::from_secs(1);
    let rows = run.rows().await;
    assert!(rows[0].2.contains("less than 16 KiB/s"), "{rows:?}");
    assert!(pair.destination.store().tags("app").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_settle_an_upload_fails_the_job_at_its_deadline() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let gate = Gate::closed();
    pair.destination.script(Rule::on(UploadPut), Fault::none().hold(&gate));
    let mut run = pair.run(&["app"]);
    run.limits.timeout = SILENCE * 2;
    let running = tokio::spawn(run.rows());
    held(&gate, 1).await;
    // It may settle for longer than others may be silent.
    advance(SILENCE).await;
    still(async { sleep(SETTLED).await }).await;
    assert!(!running.is_finished());
    advance(SILENCE).await;
    resume();
    assert_eq!(running.await.unwrap()[0].2, "timed out after 1m2s");
}

#[tokio::test(start_paused = true)]
async fn many_tags_run_into_a_silent_host_together() {
    let pair = Pair::plain();
    for tag in 0..12 {
        pair.source.store().push("app", &format!("1.{tag}.0"), &image("app"));
    }
    let gate = Gate::closed();
    pair.destination.script(Rule::on(ManifestHead), Fault::none().hold(&gate));
    let mut run = pair.run(&["app"]);
    run.limits.timeout = SILENCE * 10;
    let running = tokio::spawn(run.rows());
    // The first look goes alone, and so does the first request of those that wait; not each.
    for come in [1, 2, 12] {
        held(&gate, come).await;
        advance(SILENCE).await;
    }
    resume();
    let rows = running.await.unwrap();
    assert!(rows.iter().all(|row| row.2.contains("was silent")), "{rows:?}");
    pair.asked("app").assert(&[(ManifestHead, 12)]);
}

both_modes!(an_entry_whose_host_is_not_there_fails_and_the_others_go_on);
async fn an_entry_whose_host_is_not_there_fails_and_the_others_go_on() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let (gone, host) = (nobody(), pair.destination.host());
    let source = pair.source.host();
    let selector = "selector: {limit: 0}";
    pair.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n\
             \x20 - {{source: {gone}/app, destination: {host}/a, {selector}}}\n\
             \x20 - {{source: {source}/app, destination: {gone}/b, {selector}}}\n\
             \x20 - {{source: does-not-exist.invalid/app, destination: {host}/c, {selector}}}\n\
             \x20 - {{source: {source}/app, destination: {host}/d, {selector}}}\n"
        ),
    );
    let done = pair.sync(["--retries", "0"]).run().await;
    let results = done.assert_code(1).json()["report"]["results"].clone();
    for (entry, text) in [(0, "cannot reach"), (2, "cannot resolve does-not-exist.invalid")] {
        let error = results[entry]["error"].as_str().unwrap_or_default();
        assert!(error.contains(text), "{error}");
    }
    assert_rows(&done, 1, &[("1.0.0", "failed")]);
    let error = results[1]["tags"][0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("cannot reach"), "{error}");
    assert_rows(&done, 3, &[("1.0.0", "copied")]);
}

both_modes!(jobs_of_other_hosts_flow_while_one_is_slow);
async fn jobs_of_other_hosts_flow_while_one_is_slow() {
    let pair = Pair::plain();
    let slow = ScriptedRegistry::plain();
    let tags = ["1.0.2", "1.0.1", "1.0.0"];
    for tag in tags {
        pair.source.store().push("app", tag, &image(tag));
    }
    let gate = Gate::closed();
    slow.script(Rule::on(UploadPut), Fault::none().hold(&gate));
    let (from, to, selector) =
        (pair.source.host(), pair.destination.host(), "selector: {limit: 0}");
    pair.mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n\
             \x20 - {{source: {from}/app, destination: {}/app, {selector}}}\n\
             \x20 - {{source: {from}/app, destination: {to}/app, {selector}}}\n",
            slow.host()
        ),
    );
    let running = pair.sync([]).spawn();
    gate.reached(1).await;
    let all = || pair.destination.store().tags("app").len() == 3;
    eventually("all tags", PATIENCE, all).await;
    assert!(slow.store().tags("app").is_empty());
    gate.resume();
    let done = running.wait().await;
    for entry in [0, 1] {
        assert_rows(done.assert_code(0), entry, &tags.map(|tag| (tag, "copied")));
    }
}

#[tokio::test]
async fn jobs_of_a_host_that_went_away_wait_for_it_within_their_budget() {
    let pair = Pair::plain();
    for tag in ["1.0.2", "1.0.1", "1.0.0"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    // It answers, is refused by TCP itself for a while, and comes back while its jobs wait for it.
    let (gate, proxy) =
        (Gate::closed(), Proxy::start(&pair.source.host(), ProxyOptions::default()));
    pair.source.script(Rule::on(ManifestHead).first(3), Fault::none().hold(&gate));
    let mut run = pair.run(&["app"]);
    run.timing.unreachable = AWAY * 3;
    // One attempt meets the refusal; to try again within the pause would be the second and last.
    run.limits.attempts = 2.try_into().unwrap();
    let place: mirror_oci::RepositoryRef = format!("{}/app", proxy.host()).parse().unwrap();
    run.entries[0].source = mirror_model::EntrySource::Artifact {
        place: mirror_oci::Place::Registry(place),
        referrers: false,
        verify: None,
    };
    let running = tokio::spawn(run.rows());
    gate.reached(3).await;
    proxy.leave().await;
    gate.resume();
    sleep(AWAY).await;
    proxy.come_back();
    let rows = running.await.unwrap();
    assert!(rows.iter().all(|row| row.1 == "copied"), "{rows:?}");
}
