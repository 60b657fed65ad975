//! What is found out of a repository's API is found out once.

use futures_util::future::join_all;
use mirror_oci::Reference;
use mirror_registry::Listed;
use mirror_tests::sample::{image, referrer};
use mirror_tests::scripted::{Answer, Fault, Kind, Rule, ScriptedRegistry, habits};

use super::{app, assert_lists, digest, listed, manifest, registries, repository, signed};

/// Asks for ten subjects at once.
async fn ask_ten(repository: &mirror_registry::Repository) -> Vec<bool> {
    let subjects: Vec<_> = (0..10).map(|at| digest(&image(&at.to_string()))).collect();
    let asked = subjects.iter().map(|subject| repository.referrers(subject, true));
    join_all(asked).await.iter().map(Result::is_ok).collect()
}

#[tokio::test]
async fn many_at_once_ask_once_whether_there_is_an_api() {
    let registry = ScriptedRegistry::plain();
    habits::docker_hub(&registry);
    assert_eq!(ask_ten(&app(&registry)).await, [true; 10]);
    registry.log().assert(&[(Kind::Referrers, 1), (Kind::ManifestGet, 10)]);
}

#[tokio::test]
async fn where_the_first_learns_nothing_the_others_ask_for_themselves() {
    let registry = ScriptedRegistry::plain();
    signed(&registry, 0);
    registry.script(Rule::on(Kind::Referrers).nth(1), Fault::status(500));
    let answers = ask_ten(&app(&registry)).await;
    assert_eq!(answers.iter().filter(|is_ok| **is_ok).count(), 9);
    registry.log().assert(&[(Kind::Referrers, 10)]);
}

#[tokio::test]
async fn each_repository_is_known_by_itself_and_to_all_who_name_it() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 1);
    registry.store().push("other", "v1", &subject);
    let missing = Fault::answer(Answer::status(404));
    registry.script(Rule::on(Kind::Referrers).repository("other"), missing);
    let registries = registries();
    let of = |name: &str| repository(&registries, &registry, name);
    assert!(matches!(listed(&of("app"), &digest(&subject)).await, Listed::Api(_)));
    assert_eq!(of("other").has_referrers_api(), None);
    assert_eq!(listed(&of("other"), &digest(&subject)).await, Listed::Fallback(None));
    assert_eq!(of("other").has_referrers_api(), Some(false));
    assert_eq!(of("app").has_referrers_api(), Some(true));
}

#[tokio::test]
async fn a_manifest_that_is_taken_says_whether_there_is_an_api() {
    let registry = ScriptedRegistry::plain();
    let (subject, referrers) = signed(&registry, 1);
    let put = async |repository: &mirror_registry::Repository| {
        let manifest = manifest(&referrers[0]);
        let by = Reference::Digest(manifest.descriptor.digest);
        repository.put_manifest(&by, &manifest, None).await.expect("it is taken")
    };
    let repository = app(&registry);
    registry.set(|options| options.subject_header = false);
    assert!(!put(&repository).await.subject);
    assert_eq!(repository.has_referrers_api(), None);

    registry.set(|options| options.subject_header = true);
    assert!(put(&repository).await.subject);
    assert_eq!(repository.has_referrers_api(), Some(true));
    registry.script(Rule::on(Kind::Referrers), Fault::status(404));
    // It was promised and is not there: what is asked decides.
    assert_eq!(listed(&repository, &digest(&subject)).await, Listed::Fallback(None));
    assert_eq!(repository.has_referrers_api(), Some(false));
    registry.clear_script();
    assert_eq!(listed(&repository, &digest(&subject)).await, Listed::Fallback(None));
    put(&repository).await;
    assert_lists(&listed(&repository, &digest(&subject)).await, &referrers);
}

#[tokio::test]
async fn a_promise_that_contradicts_an_answer_is_decided_by_one_more_question() {
    for is_there in [true, false] {
        let registry = ScriptedRegistry::plain();
        let (subject, referrers) = signed(&registry, 1);
        let (subject, repository) = (digest(&subject), app(&registry));
        let missing = Rule::on(Kind::Referrers);
        registry.script(if is_there { missing.nth(1) } else { missing }, Fault::status(404));
        assert_eq!(listed(&repository, &subject).await, Listed::Fallback(None));
        let manifest = manifest(&referrers[0]);
        let by = Reference::Digest(manifest.descriptor.digest);
        for _ in 0..3 {
            let written = repository.put_manifest(&by, &manifest, None).await.unwrap();
            assert!(is_there || !written.subject);
            assert_eq!(repository.find_referrers_api(&subject).await.unwrap(), is_there);
        }
        registry.log().kind(Kind::Referrers).assert(&[(Kind::Referrers, 2)]);
    }
}

#[tokio::test]
async fn a_manifest_without_a_subject_says_nothing() {
    let registry = ScriptedRegistry::plain();
    signed(&registry, 0);
    let repository = app(&registry);
    let plain = manifest(&image("app"));
    let tag = Reference::Tag("v2".parse().unwrap());
    assert!(!repository.put_manifest(&tag, &plain, None).await.unwrap().subject);
    assert_eq!(repository.has_referrers_api(), None);
    let unsent = referrer("a/b", &image("app"), "x");
    registry.script(Rule::on(Kind::ManifestPut), Fault::status(500).header("OCI-Subject", "x"));
    let by = Reference::Digest(digest(&unsent));
    assert!(repository.put_manifest(&by, &manifest(&unsent), None).await.is_err());
    assert_eq!(repository.has_referrers_api(), None);
}
