//! Judgements over results.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mirror_model::{GoDuration, VerifyPolicy};
use mirror_oci::Digest;

use super::recorded::identity;
use crate::{Check, Judgement, Refusal, Signature, VerifyError, judge};

/// A run's clock.
const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;

fn signature(identity: &str, age: i64) -> Signature {
    let issuer = "https://issuer.example".to_owned();
    Signature { issuer, identity: identity.to_owned(), oldest_verified: NOW - age }
}

fn policy(min_age: u64) -> VerifyPolicy {
    let identities = vec![identity("https://issuer.example", "^alice@")];
    VerifyPolicy { min_age: Duration::from_secs(min_age), identities }
}

fn now() -> SystemTime {
    // A clock has more than seconds; ages have not.
    UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()) + Duration::from_millis(700)
}

/// What a judgement comes to, in a line.
fn shown(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Confirmed(it) => {
            assert_eq!((it.provider.as_str(), it.age, it.min_age), ("cosign", None, None));
            assert_eq!(it.issuer.as_deref(), Some("https://issuer.example"));
            format!("confirmed {} {}", it.identity.as_deref().unwrap(), ago(it.integrated_time))
        }
        Judgement::TooNew(it) => {
            assert_eq!(ago(it.integrated_time), it.age.unwrap().as_secs().cast_signed());
            let (age, min_age) = (GoDuration(it.age.unwrap()), GoDuration(it.min_age.unwrap()));
            format!("too new {} {age} of {min_age}", it.identity.as_deref().unwrap())
        }
        Judgement::Failed(error) => error.to_string(),
    }
}

fn ago(time: Option<i64>) -> i64 {
    NOW - time.unwrap()
}

#[track_caller]
fn check(results: Vec<Result<Signature, Refusal>>, min_age: u64, expected: &str) {
    assert_eq!(shown(&judge(results, Vec::new(), &policy(min_age), now())), expected);
}

#[test]
fn the_oldest_signature_decides() {
    let signed = |identity, age| Ok(signature(identity, age));
    let hour = HOUR.unsigned_abs();
    let refused = || Err(Refusal::NoTime);
    check(vec![signed("a", 10)], 0, "confirmed a 10");
    check(vec![signed("a", HOUR)], hour, "confirmed a 3600");
    check(vec![signed("a", HOUR - 1)], hour, "too new a 59m59s of 1h0m0s");
    check(vec![signed("a", 0)], 0, "confirmed a 0");
    check(vec![refused(), signed("a", HOUR), refused()], hour, "confirmed a 3600");
    check(vec![signed("new", 5), signed("old", HOUR)], hour, "confirmed old 3600");
    check(vec![signed("old", HOUR), signed("new", 5)], hour, "confirmed old 3600");
    check(vec![signed("a", 5), signed("b", 7), refused()], hour, "too new b 7s of 1h0m0s");
    check(vec![signed("first", 5), signed("second", 5)], 0, "confirmed first 5");
    // Signed while the run goes on, by its clock that was read at its start.
    let ahead = Signature { oldest_verified: NOW + 60, ..signature("a", 0) };
    let judgement = judge(vec![Ok(ahead.clone())], Vec::new(), &policy(0), now());
    assert!(matches!(judgement, Judgement::Confirmed(_)), "{judgement:?}");
    let Judgement::TooNew(it) = judge(vec![Ok(ahead)], Vec::new(), &policy(1), now()) else {
        panic!()
    };
    assert_eq!(it.age, Some(Duration::ZERO));
}

#[test]
fn without_a_signature_the_reasons_say_what_was_wanted_and_found() {
    let wanted = "`^alice@` of issuer https://issuer.example";
    check(vec![], 0, &format!("no signature found, wanted one of {wanted}"));
    check(vec![Err(Refusal::NoTime)], 0, &format!("no signature of {wanted}: {}", Refusal::NoTime));

    let attestation = || Err(Refusal::Attestation { predicate: "p".to_owned() });
    let issuer = || "https://issuer.example".to_owned();
    let stranger = Err(Refusal::Stranger { issuer: issuer(), identity: "eve".to_owned() });
    check(
        vec![attestation(), attestation(), Err(Refusal::Keyed), stranger],
        0,
        &format!(
            "no signature of {wanted}: signed by eve of issuer https://issuer.example; signed with \
             a key, not with a certificate; an attestation (p), not a signature"
        ),
    );
}

#[test]
fn attestations_alone_are_named_where_there_is_no_signature() {
    let error = |results, predicates: &[&str]| {
        let predicates = predicates.iter().map(|&it| it.to_owned()).collect();
        shown(&judge(results, predicates, &policy(0), now()))
    };
    let wanted = "wanted one of `^alice@` of issuer https://issuer.example";
    for (predicates, found) in [
        (&["a"][..], "an attestation (a)"),
        (&["a", "a"], "an attestation (a)"),
        (&["a", "b", "c"], "attestations (a, b, c)"),
        (&["a", "b", "a", "c", "d", "e"], "attestations (a, b, c, ...)"),
    ] {
        let expected = format!("no signature found, only {found}, {wanted}");
        assert_eq!(error(Vec::new(), predicates), expected);
    }
    let refused = error(vec![Err(Refusal::Keyed)], &["a"]);
    assert!(
        refused.starts_with("no signature of ") && !refused.contains("attestation"),
        "{refused}"
    );
    assert_eq!(error(vec![Ok(signature("a", 10))], &["a"]), "confirmed a 10");
}

#[test]
fn a_flood_of_reasons_and_identities_is_cut() {
    let refusals = |count: usize| (0..count).map(|found| Err(Refusal::Entries { found }));
    let error = |results| match judge(results, Vec::new(), &policy(0), now()) {
        Judgement::Failed(error) => error.to_string(),
        it @ (Judgement::Confirmed(_) | Judgement::TooNew(_)) => panic!("{it:?}"),
    };
    assert!(error(refusals(5).collect()).ends_with("; 4 log entries, wanted one"));
    assert!(error(refusals(64).collect()).ends_with("; 4 log entries, wanted one; and 59 more"));

    let long = "x".repeat(256);
    let stranger = |_| Err(Refusal::Stranger { issuer: long.clone(), identity: long.clone() });
    let failed = |at: u8| {
        let check = Check::Chain;
        Err(Refusal::Failed { check, reason: format!("{at}{}", "x".repeat(250)) })
    };
    let results: Vec<_> = (0..32).map(stranger).chain((0..32).map(failed)).collect();
    let mut policy = policy(0);
    policy.identities = vec![identity(&"i".repeat(9000), &"s".repeat(9000)); 50];
    let Judgement::Failed(error) = judge(results, Vec::new(), &policy, now()) else { panic!() };
    let error = error.to_string();
    assert!(error.len() < 4096, "{}", error.len());
    assert!(error.contains("or 47 more: signed by"), "{error}");
    let hint = " (if another Sigstore signed it: --trusted-root names its root)";
    assert!(error.ends_with(&format!("; and 28 more{hint}")), "{error}");
}

#[test]
fn a_root_that_may_be_the_wrong_one_is_hinted_at() {
    let hinted = |check| {
        let refusal = Refusal::Failed { check, reason: "x".to_owned() };
        let error = shown(&judge(vec![Err(refusal)], Vec::new(), &policy(0), now()));
        error.ends_with(": x (if another Sigstore signed it: --trusted-root names its root)")
    };
    for check in [Check::Chain, Check::Sct, Check::Checkpoint, Check::SignedEntry, Check::Timestamp]
    {
        assert!(hinted(check), "{check}");
    }
    for check in [Check::Validity, Check::LogKey, Check::Entry, Check::Signature] {
        assert!(!hinted(check), "{check}");
    }
}

#[test]
fn each_bound_is_named() {
    let limits = [
        (
            VerifyError::TooManyCandidates { found: 70 },
            "more than 64 candidates for a signature: there are 70",
        ),
        (
            VerifyError::EvidenceTooLarge { name: "x".to_owned() },
            "a candidate for a signature is longer than 1048576 bytes: x",
        ),
        (
            VerifyError::TotalTooLarge,
            "the candidates for a signature are longer than 16777216 bytes together",
        ),
    ];
    for (error, expected) in limits {
        assert_eq!(error.to_string(), expected);
    }
    let other = Refusal::OtherContent { wanted: Digest::of(b""), found: "nothing".to_owned() };
    assert!(other.to_string().starts_with("signs nothing, not sha256:e3b0c442"), "{other}");
}
