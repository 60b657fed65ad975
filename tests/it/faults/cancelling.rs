//! Ends from outside: SIGINT and SIGTERM report all the same, and SIGKILL leaves nothing wrong.

use std::sync::{Arc, Mutex};

use mirror_tests::binary::Running;
use mirror_tests::sample::{Image, Sample, image, index, noise};
use mirror_tests::scripted::Kind::{ManifestHead, ManifestPut, MountPost, UploadPost, UploadPut};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use crate::requests::pair::{Pair, assert_rows, error_of};

/// A run that has copied the only tag of `done`, is in the middle of one of `begun`, has not begun the
/// others, and has no plan of `unplanned`.
async fn half_way(pair: &Pair, flags: [&str; 2]) -> Running {
    pair.source.store().push("done", "1.0.0", &image("done"));
    pair.source.store().push("unplanned", "1.0.0", &image("unplanned"));
    for tag in ["1.0.2", "1.0.1", "1.0.0"] {
        pair.source.store().push("begun", tag, &image(tag));
    }
    let (list, later, put) = (Gate::closed(), Gate::closed(), Gate::closed());
    pair.source.script(Rule::on(ManifestHead).repository("unplanned"), Fault::none().hold(&list));
    pair.source.script(Rule::on(ManifestHead).repository("begun"), Fault::none().hold(&later));
    pair.destination.script(Rule::on(UploadPut).repository("begun"), Fault::none().hold(&put));
    pair.mirrors(&["done", "begun", "unplanned"]);
    let call = pair.mirror.call(["sync", "mirror.yaml", "--concurrency", "1"]);
    let running = flags.into_iter().fold(call, mirror_tests::binary::Call::arg).spawn();
    list.reached(1).await;
    let copied = || pair.destination.store().resolve("done", "1.0.0").is_some();
    let patience = std::time::Duration::from_secs(20);
    mirror_tests::binary::eventually("the first is copied", patience, copied).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    later.resume();
    put.reached(1).await;
    running
}

both_modes!(a_signal_cancels_what_is_under_way_and_reports_all_the_same);
async fn a_signal_cancels_what_is_under_way_and_reports_all_the_same() {
    for signal in [Running::interrupt, Running::terminate] {
        let pair = Pair::plain();
        let running = half_way(&pair, ["-o", "json"]).await;
        signal(&running);
        let done = running.wait().await;
        done.assert_code(1);
        assert_rows(&done, 0, &[("1.0.0", "copied")]);
        let tags = ["1.0.2", "1.0.1", "1.0.0"];
        assert_rows(&done, 1, &tags.map(|tag| (tag, "failed")));
        for tag in tags {
            assert_eq!(error_of(&done, 1, tag), "cancelled");
        }
        let unplanned = &done.json()["report"]["results"][2];
        assert_eq!(
            (&unplanned["status"], &unplanned["error"]),
            (&"failed".into(), &"cancelled".into())
        );
        assert_eq!(done.json()["report"]["summary"]["failed"], 4);
        pair.destination.store().assert_whole();
        assert!(pair.destination.store().tags("begun").is_empty());
    }
}

both_modes!(a_signal_prints_lines_and_the_summary_all_the_same);
async fn a_signal_prints_lines_and_the_summary_all_the_same() {
    let pair = Pair::plain();
    let running = half_way(&pair, ["-o", "text"]).await;
    running.interrupt();
    let done = running.wait().await;
    let source = pair.source.host();
    for line in [
        format!("✓ {source}/done:1.0.0 (copied)\n"),
        format!("✗ {source}/begun:1.0.2 — cancelled\n"),
        format!("✗ {source}/begun:1.0.0 — cancelled\n"),
        format!("✗ {source}/unplanned — plan failed: cancelled\n"),
        "\nSummary: 1 copied, 4 failed in ".to_owned(),
    ] {
        assert!(done.assert_code(1).stdout.contains(&line), "{line}{done}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let pair = Pair::plain();
    // More rows than a pipe holds: nobody reads them, so that the report of the first signal hangs.
    for tag in 0..1000 {
        pair.source.store().push("app", &format!("1.{tag}.0"), &image("app"));
    }
    let gate = Gate::closed();
    pair.destination.script(Rule::on(ManifestHead), Fault::none().hold(&gate));
    pair.mirrors(&["app"]);
    let running = pair.mirror.call(["sync", "mirror.yaml"]).unread().spawn();
    gate.reached(1).await;
    running.interrupt();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    running.terminate();
    let done = running.wait().await;
    done.assert_code(130);
    assert_eq!(done.stderr, "");
}

/// Three repositories that share layers, with images and indexes.
fn fleet() -> Vec<(String, String, Sample)> {
    let platform = |name: &str, architecture: &str| {
        Image::new()
            .layer(noise("base", 3000))
            .layer(noise(&format!("{name} {architecture}"), 2000))
            .platform("linux", architecture)
            .build()
    };
    let mut fleet = Vec::new();
    for repository in ["a", "b", "c"] {
        for tag in ["1.0.0", "1.0.1", "1.0.2"] {
            let name = format!("{repository}{tag}");
            let both = [platform(&name, "amd64"), platform(&name, "arm64")];
            fleet.push((repository.to_owned(), tag.to_owned(), index(&both)));
        }
    }
    fleet
}

#[tokio::test]
async fn a_run_killed_at_any_moment_leaves_no_tag_wrong_and_the_next_completes_it() {
    let points: [(Kind, usize); 6] = [
        (UploadPost, 2),
        (UploadPut, 4),
        (MountPost, 1),
        (ManifestPut, 1),
        (ManifestPut, 6),
        (ManifestPut, 20),
    ];
    for (kind, nth) in points {
        let pair = Pair::plain();
        let fleet = fleet();
        for (repository, tag, sample) in &fleet {
            pair.source.store().push(repository, tag, sample);
        }
        // After each single request, every tag that is there is whole.
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let faults = Arc::clone(&wrong);
        let judge = Fault::none().afterwards(move |_, store| {
            for repository in store.repositories() {
                for tag in store.tags(&repository) {
                    if let Err(fault) = store.judge(&repository, &tag) {
                        faults.lock().unwrap().push(format!("{repository}:{tag}: {fault}"));
                    }
                }
            }
        });
        pair.destination.script(Rule::any(), judge);
        let gate = Gate::closed();
        pair.destination.script(Rule::on(kind).nth(nth), Fault::none().hold(&gate));
        pair.mirrors(&["a", "b", "c"]);
        let running = pair.sync([]).spawn();
        gate.reached(1).await;
        running.kill();
        assert_eq!(running.wait().await.signal(), Some(9));
        gate.resume();
        pair.destination.store().assert_whole();

        pair.sync_well().await;
        for (repository, tag, sample) in &fleet {
            pair.destination.store().assert_holds(repository, tag, sample);
        }
        assert_eq!(*wrong.lock().unwrap(), Vec::<String>::new(), "{kind:?} {nth}");
    }
}
