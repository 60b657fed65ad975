//! Plans and looks: only a listing fails its entry, and a refusal is never "nothing".

use mirror_tests::mode::either;
use mirror_tests::sample::image;
use mirror_tests::scripted::Kind::{ManifestGet, ManifestHead, ManifestPut, Tags, UploadPost};
use mirror_tests::scripted::{Fault, Rule};

use crate::requests::pair::{Pair, assert_rows, error_of};

both_modes!(each_step_is_tried_again_where_that_can_help);
async fn each_step_is_tried_again_where_that_can_help() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let once = |kind| Rule::on(kind).nth(1);
    let faults = [
        pair.source.script(once(Tags), Fault::status(500)),
        pair.source.script(once(ManifestHead), Fault::status(502)),
        pair.destination.script(once(ManifestHead), Fault::status(504)),
    ];
    pair.mirrors(&["app"]);
    let done = pair.sync(["--retries", "1"]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert_eq!(faults.map(|fault| fault.fired()), [1, 1, 1]);
    pair.asked_source("app").kind(Tags).assert(&[(Tags, 2)]);
}

both_modes!(no_step_is_tried_again_without_retries);
async fn no_step_is_tried_again_without_retries() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    pair.source.script(Rule::on(Tags).nth(1), Fault::status(500));
    pair.mirrors(&["app"]);
    let done = pair.sync(["--retries", "0"]).run().await;
    assert_eq!(done.assert_code(1).json()["report"]["results"][0]["status"], "failed");
    pair.asked_source("app").assert(&[(Tags, 1)]);
}

both_modes!(a_tag_whose_digest_cannot_be_had_is_a_failed_row_and_the_others_go_on);
async fn a_tag_whose_digest_cannot_be_had_is_a_failed_row_and_the_others_go_on() {
    let pair = Pair::plain();
    let tags = ["1.0.3", "1.0.2", "1.0.1", "1.0.0"];
    for tag in tags {
        pair.source.store().push("app", tag, &image(tag));
    }
    let head = |tag| Rule::on(ManifestHead).reference(tag);
    let get = |tag| Rule::on(ManifestGet).reference(tag);
    pair.source.script(head("1.0.3"), Fault::status(404));
    pair.source.script(head("1.0.2"), Fault::error(401, "UNAUTHORIZED"));
    pair.source.script(head("1.0.1"), Fault::status(403));
    pair.source.script(get("1.0.1"), Fault::error(403, "DENIED"));
    pair.mirrors(&["app"]);
    let done = pair.sync([]).run().await;
    let [gone, unknown, denied, fine] = tags;
    let rows = [(gone, "failed"), (unknown, "failed"), (denied, "failed"), (fine, "copied")];
    assert_rows(done.assert_code(1), 0, &rows);
    assert_eq!(done.json()["report"]["results"][0]["status"], "completed");
    assert!(error_of(&done, 0, gone).contains("1.0.3"));
    assert!(error_of(&done, 0, denied).contains("DENIED"));
    assert_eq!(pair.destination.store().tags("app"), [fine]);
}

both_modes!(a_refused_list_fails_its_entry_alone);
async fn a_refused_list_fails_its_entry_alone() {
    let pair = Pair::plain();
    let names = ["s401", "s403", "s404", "s500", "cut", "fine"];
    for name in names {
        pair.source.store().push(name, "1.0.0", &image(name));
        let list = || Rule::on(Tags).repository(name);
        match name.strip_prefix('s').map(|status| status.parse().unwrap()) {
            Some(status) => drop(pair.source.script(list(), Fault::error(status, "REFUSED"))),
            None if name == "cut" => {
                drop(pair.source.script(list(), Fault::none().body("{\"tags\":")));
            }
            None => {}
        }
    }
    pair.mirrors(&names);
    let done = pair.sync(["--retries", "0"]).run().await;
    let results = done.assert_code(1).json()["report"]["results"].clone();
    for (entry, name) in names.iter().enumerate().take(5) {
        assert_eq!(results[entry]["status"], "failed", "{name}");
        assert_eq!(results[entry]["tags"], serde_json::json!([]), "{name}");
        assert!(results[entry]["error"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert_eq!(pair.destination.log().of(name).count(), 0, "{name}");
    }
    assert_rows(&done, 5, &[("1.0.0", "copied")]);
    assert_eq!(done.json()["report"]["summary"]["failed"], 5);
}

both_modes!(a_refused_later_page_is_an_error_and_not_a_shorter_list);
async fn a_refused_later_page_is_an_error_and_not_a_shorter_list() {
    let pair = Pair::plain();
    for tag in ["1.0.0", "1.0.1", "1.0.2"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    pair.source.set(|options| options.page = Some(2));
    pair.source.script(Rule::on(Tags).nth(2), Fault::error(403, "DENIED"));
    pair.mirrors(&["app"]);
    let done = pair.sync([]).run().await;
    assert_eq!(done.assert_code(1).json()["report"]["results"][0]["status"], "failed");
    assert!(pair.destination.store().repositories().is_empty());
}

both_modes!(a_destination_that_refuses_a_look_is_never_taken_to_lack_the_tag);
async fn a_destination_that_refuses_a_look_is_never_taken_to_lack_the_tag() {
    for status in [401, 403, 500] {
        let pair = Pair::plain();
        pair.source.store().push("app", "1.0.0", &image("app"));
        let look = |kind| Rule::on(kind).repository("app");
        for kind in [ManifestHead, ManifestGet] {
            pair.destination.script(look(kind), Fault::error(status, "REFUSED"));
        }
        pair.mirrors(&["app"]);
        let done = pair.sync(["--retries", "0"]).run().await;
        error_of(done.assert_code(1), 0, "1.0.0");
        let writes = pair.asked("app").only(|entry| !matches!(&*entry.method, "GET" | "HEAD"));
        assert_eq!(writes.count(), 0, "{status}");
    }
}

both_modes!(a_refused_list_of_the_destination_proves_nothing);
async fn a_refused_list_of_the_destination_proves_nothing() {
    for fault in [Fault::error(403, "DENIED"), Fault::status(500), Fault::none().body("{")] {
        let pair = Pair::plain();
        for tag in ["1.0.0", "1.0.1", "1.0.2"] {
            pair.source.store().push("app", tag, &image(tag));
        }
        pair.destination.store().push("app", "1.0.1", &image("other"));
        pair.destination.script(Rule::on(Tags), fault);
        pair.mirrors(&["app"]);
        let done = pair.sync([]).run().await;
        let rows = [("1.0.2", "copied"), ("1.0.1", "drifted"), ("1.0.0", "copied")];
        assert_rows(done.assert_code(2), 0, &rows);
        let asked = pair.asked("app");
        // A worker looks once more before each of the two that it writes.
        let heads = either(3, 5);
        assert_eq!((asked.kind(Tags).count(), asked.kind(ManifestHead).count()), (1, heads));
        assert_eq!(asked.kind(ManifestPut).count(), 2);
        assert_eq!(asked.kind(UploadPost).count(), 6);
    }
}
