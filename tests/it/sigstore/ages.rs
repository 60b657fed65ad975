//! How old a signature must be, and whose clock says so.

use std::time::SystemTime;

use jiff::{Timestamp, tz::TimeZone};
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedRegistry};

use super::world::{
    Who, assert_confirmed, assert_unverified, attached, json, mirrors, pair, push_signed, read,
    row, signed_image, signed_pair,
};
use crate::referrers::world::attach;
use crate::requests::pair::{Pair, assert_rows};

/// Longer than any recording will be old.
const CENTURY: &str = ", minAge: 876000h";

both_modes!(a_signature_that_is_too_new_is_skipped_and_the_plan_goes_on);
async fn a_signature_that_is_too_new_is_skipped_and_the_plan_goes_on() {
    let pair = pair((true, true));
    for tag in ["1.1.0", "1.0.0"] {
        push_signed(&pair.source, tag, &["email"]);
    }
    let email = Who::recorded("email");
    mirrors(&pair, &email.wanted(CENTURY), ", includeReferrers: true");
    let done = pair.sync([]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.1.0", "skipped"), ("1.0.0", "skipped")]);
    for tag in ["1.1.0", "1.0.0"] {
        let row = row(&done, tag);
        assert_eq!(row["reason"], "signature-too-new");
        assert_eq!(row["digest"], signed_image().digest());
        assert_eq!(row["referrers"], serde_json::Value::Null);
        let verification = &row["verification"];
        assert_eq!(verification["provider"], "cosign");
        assert_eq!(verification["issuer"], *email.issuer);
        assert_eq!(verification["identity"], *email.subject);
        assert_eq!(verification["minAge"], "876000h0m0s");
        let age = verification["age"].as_str().unwrap();
        assert!(age.ends_with('s') && age.contains('m'), "{age}");
        verification["integratedTime"].as_str().unwrap().parse::<Timestamp>().unwrap();
    }
    // Nothing is asked of the destination, and nothing is put there.
    pair.destination.log().assert(&[]);
    assert_eq!(done.json()["report"]["summary"]["skipped"], 2);
}

both_modes!(the_log_says_how_old_a_signature_is_and_must_be);
async fn the_log_says_how_old_a_signature_is_and_must_be() {
    let pair = signed_pair((true, true), "1.0.0", &["email"]);
    mirrors(&pair, &Who::recorded("email").wanted(CENTURY), "");
    let done = pair.mirror.call(["sync", "mirror.yaml", "--verbose"]).run().await;
    let lines = done.assert_code(0).stderr.lines();
    let line = lines.clone().find(|line| line.contains("signature too new; skipping tag"));
    let line = line.unwrap_or_else(|| panic!("{done}"));
    let (begin, rest) = line[20..].split_once(" age=").unwrap();
    let source = format!("{}/app:1.0.0", pair.source.host());
    assert_eq!(begin, format!("signature too new; skipping tag src={source}"));
    assert!(rest.ends_with("s minAge=876000h0m0s"), "{line}");
    let done_line = format!(" tag done src={source} status=skipped ");
    assert!(lines.clone().any(|line| line.contains(&done_line)), "{done}");
}

both_modes!(a_signature_that_is_old_enough_is_confirmed_without_its_age);
async fn a_signature_that_is_old_enough_is_confirmed_without_its_age() {
    let pair = signed_pair((true, true), "1.0.0", &["first-log"]);
    let email = Who::recorded("email");
    mirrors(&pair, &email.wanted(", minAge: 1ms"), "");
    let done = pair.sync_well().await;
    let time = assert_confirmed(&done, "1.0.0", &email.issuer, &email.subject);
    let bundle = json("first-log.sigstore.json");
    let logged = bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"].as_str();
    let logged = Timestamp::from_second(logged.unwrap().parse().unwrap()).unwrap();
    assert_eq!(time, logged.to_string());
}

both_modes!(of_several_signatures_the_oldest_counts);
async fn of_several_signatures_the_oldest_counts() {
    let all = ["workflow", "email", "second-email", "first-log"];
    let mut times = Vec::new();
    for bundles in all.map(|one| vec![one]).into_iter().chain([all.to_vec()]) {
        let pair = signed_pair((true, true), "1.0.0", &bundles);
        // Whoever it was.
        let issuers = ["email", "workflow"].map(Who::recorded);
        let identities = issuers.map(|it| format!("{{issuer: '{}', subject: '.'}}", it.issuer));
        let verify = format!(
            "verify: {{provider: cosign, matchOIDCIdentity: [{}, {}]}}",
            identities[0], identities[1]
        );
        mirrors(&pair, &verify, "");
        let done = pair.sync_well().await;
        let time =
            row(&done, "1.0.0")["verification"]["integratedTime"].as_str().map(str::to_owned);
        times.push(time.unwrap().parse::<Timestamp>().unwrap());
    }
    let together = times.pop();
    assert_eq!(together, times.into_iter().min());
}

both_modes!(a_signature_without_a_verified_time_is_none_whatever_its_age);
async fn a_signature_without_a_verified_time_is_none_whatever_its_age() {
    let email = Who::recorded("email");
    for (bundle, reason) in [
        ("no-timestamp", "no verified time"),
        ("late-timestamp", "validity of the certificate: signed at "),
        ("early-timestamp", "validity of the certificate: signed at "),
        ("late-and-right-timestamp", "validity of the certificate: signed at "),
    ] {
        for min_age in ["", ", minAge: 1ms", CENTURY] {
            let pair = pair((true, true));
            pair.source.store().push("app", "1.0.0", &signed_image());
            let bundle = attached(&signed_image(), read(&format!("{bundle}.sigstore.json")));
            attach(&pair.source, "app", &signed_image(), &[&bundle]);
            mirrors(&pair, &email.wanted(min_age), "");
            let done = pair.sync([]).run().await;
            assert_unverified(&done, &format!("{}/app", pair.source.host()), "1.0.0", &[reason]);
        }
    }
}

/// Has a registry's clock be ahead by so many seconds.
fn ahead(registry: &ScriptedRegistry, seconds: i64) {
    let dated = move |_: &mirror_tests::scripted::Request,
                      answer: &mut mirror_tests::scripted::Answer| {
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let theirs = now + jiff::SignedDuration::from_secs(seconds);
        let theirs = theirs.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT");
        answer.set("Date", theirs.to_string());
    };
    registry.script(Rule::any(), Fault::none().edit(dated));
}

/// A pair of which the source's clock is off, and an entry that wants signatures to be of this age.
fn off(seconds: i64, min_age: &str) -> Pair {
    let pair = signed_pair((true, true), "1.0.0", &["email"]);
    ahead(&pair.source, seconds);
    mirrors(&pair, &Who::recorded("email").wanted(min_age), "");
    pair
}

both_modes!(where_clocks_are_far_apart_no_age_is_judged);
async fn where_clocks_are_far_apart_no_age_is_judged() {
    for (seconds, side) in [(100, "ahead of"), (-100, "behind")] {
        let pair = off(seconds, ", minAge: 1ms");
        let done = pair.sync([]).run().await;
        let entry = &done.assert_code(1).json()["report"]["results"][0];
        assert_eq!((&entry["status"], &entry["tags"]), (&"failed".into(), &serde_json::json!([])));
        let error = entry["error"].as_str().unwrap();
        let begin = format!("the clock of {} is ", pair.source.host());
        let rest = error.strip_prefix(&begin).unwrap_or_else(|| panic!("{error}"));
        let (offset, rest) = rest.split_once(' ').unwrap();
        // Of which an answer's own time is not told.
        assert!((61..=100).contains(&offset.parse::<u32>().unwrap()), "{error}");
        let expected = format!(
            "s {side} this machine's: minAge cannot be judged until one of them is set right"
        );
        assert_eq!(rest, expected);
        pair.asked_source("app").assert(&[(Kind::Tags, 1)]);
        pair.destination.log().assert(&[]);
    }
}

both_modes!(a_clock_that_is_off_by_some_seconds_is_told_and_the_run_goes_on);
async fn a_clock_that_is_off_by_some_seconds_is_told_and_the_run_goes_on() {
    let pair = off(50, ", minAge: 1ms");
    let done = pair.sync_well().await;
    assert_rows(&done, 0, &[("1.0.0", "copied")]);
    let told: Vec<&str> = done.stderr.lines().filter(|line| line.contains("clock")).collect();
    let [told] = told[..] else { panic!("{done}") };
    let names = format!("the clock of {} is ", pair.source.host());
    assert!(told.starts_with("! ") && told.contains(&names), "{told}");
    assert!(
        told.ends_with(
            " s ahead of this machine's, and ages of signatures are reckoned by this one"
        ),
        "{told}"
    );
}

both_modes!(without_an_age_clocks_do_not_matter);
async fn without_an_age_clocks_do_not_matter() {
    let pair = off(-100_000, "");
    let done = pair.sync_well().await;
    assert_rows(&done, 0, &[("1.0.0", "copied")]);
    assert!(!done.stderr.contains("clock"), "{done}");
    // Nor do those of the destination, which judges nothing.
    let pair = signed_pair((true, true), "1.0.0", &["email"]);
    ahead(&pair.destination, 100_000);
    mirrors(&pair, &Who::recorded("email").wanted(", minAge: 1ms"), "");
    assert_rows(&pair.sync_well().await, 0, &[("1.0.0", "copied")]);
}

both_modes!(an_entry_of_which_clocks_are_apart_stops_no_other);
async fn an_entry_of_which_clocks_are_apart_stops_no_other() {
    let pair = off(100, "");
    pair.source.store().push("other", "1.0.0", &image("other"));
    let email = Who::recorded("email");
    pair.entries(&[("app", "app", &email.wanted(CENTURY)), ("other", "other", "")]);
    let done = pair.sync([]).run().await;
    assert_eq!(done.assert_code(1).json()["report"]["results"][0]["status"], "failed");
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
}
