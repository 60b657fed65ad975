//! What is no API, what is no repository, and what is no answer.

use super::{app, assert_lists, digest, listed, refused, said, signed};
use mirror_oci::ReferrerIndex;
use mirror_registry::{Listed, RegistryError};
use mirror_tests::sample::{IMAGE, INDEX, Image, image, referrer};
use mirror_tests::scripted::{Answer, Fault, Framing, Kind, Rule, ScriptedRegistry, Stop, habits};

fn typed(status: u16, content_type: &str, body: &'static str) -> Answer {
    Answer::status(status).with("Content-Type", content_type).body(body)
}

/// What a registry does.
type Habit = fn(&ScriptedRegistry);

/// A registry that answers so to whoever asks for referrers.
fn answering(answer: Fault) -> ScriptedRegistry {
    let registry = ScriptedRegistry::plain();
    registry.script(Rule::on(Kind::Referrers), answer);
    registry
}

#[tokio::test]
async fn where_there_is_no_api_the_fallback_tag_is_read() {
    let page = r#"{"schemaVersion":2,"manifests":[]}"#;
    let ways: [(&str, Habit); 12] = [
        ("404", |it| habits::no_referrers(it, Answer::status(404))),
        ("404 of a code", |it| habits::no_referrers(it, Answer::error(404, "UNSUPPORTED", "no"))),
        ("404 of the manifest", |it| {
            habits::no_referrers(it, Answer::error(404, "MANIFEST_UNKNOWN", "no"));
        }),
        ("400", |it| habits::no_referrers(it, Answer::error(400, "UNSUPPORTED", "no"))),
        ("405", |it| habits::no_referrers(it, Answer::status(405))),
        ("406", |it| habits::no_referrers(it, Answer::status(406))),
        ("a page", |it| habits::no_referrers(it, typed(200, "text/html", "<html></html>"))),
        ("JSON", |it| habits::no_referrers(it, typed(200, "application/json", "{}"))),
        ("a manifest", |it| habits::no_referrers(it, typed(200, IMAGE, "{}"))),
        ("nobody knows what", |it| habits::no_referrers(it, Answer::status(200))),
        ("Docker Hub", habits::docker_hub),
        ("GHCR", habits::ghcr),
    ];
    for (name, habit) in ways {
        let registry = ScriptedRegistry::plain();
        habit(&registry);
        let (subject, referrers) = signed(&registry, 2);
        let repository = app(&registry);
        assert_eq!(listed(&repository, &digest(&subject)).await, Listed::Fallback(None), "{name}");
        assert_eq!(repository.has_referrers_api(), Some(false), "{name}");

        let index = ReferrerIndex::empty().with(&[said(&referrers[0])]).unwrap().unwrap();
        let put = registry.store().put_manifest("app", INDEX, index.bytes.clone());
        registry.store().tag("app", digest(&subject).fallback_tag().as_str(), &put);
        let Listed::Fallback(Some(found)) = listed(&repository, &digest(&subject)).await else {
            panic!("{name}: no fallback tag")
        };
        assert_eq!(found.index.referrers(), [said(&referrers[0])], "{name}");
        assert_eq!(found.etag, Some(format!("\"{put}\"")), "{name}");

        let none = repository.referrers(&digest(&subject), false).await.unwrap();
        assert_eq!(none, Listed::Fallback(None), "{name}");
        let log = registry.log().of("app");
        log.assert(&[(Kind::Referrers, 1), (Kind::ManifestGet, 2)]);
    }
    // Parameters of the type are none of its business.
    let registry =
        answering(Fault::answer(typed(200, "Application/Vnd.OCI.image.index.v1+JSON ;a=b", page)));
    assert_lists(&listed(&app(&registry), &digest(&image("app"))).await, &[]);
}

#[tokio::test]
async fn a_refusal_is_an_error_and_nothing_is_learnt_of_it() {
    let status = Fault::status;
    let ways = [
        ("401", status(401)),
        ("403", Fault::error(403, "DENIED")),
        ("429", status(429).header("Retry-After", "6000")),
        ("500", status(500)),
        ("502", Fault::answer(typed(502, "text/html", "<html></html>"))),
        ("503", status(503)),
        ("410", status(410)),
        ("204", status(204)),
        ("cut", Fault::answer(typed(200, INDEX, "{\"manifests\":[")).cut_after(5, Stop::Reset)),
        ("short", Fault::answer(typed(200, INDEX, "{\"manifests\":["))),
        (
            "lying",
            Fault::answer(typed(200, INDEX, "{\"manifests\":[]}"))
                .framing(Framing::Lying(99))
                .close_after(),
        ),
        ("no list", Fault::answer(typed(200, INDEX, "{}"))),
        ("a page", Fault::answer(typed(200, INDEX, "<html></html>"))),
        ("no index", Fault::answer(typed(200, INDEX, "{\"mediaType\":\"a/b\",\"manifests\":[]}"))),
        ("no descriptor", Fault::answer(typed(200, INDEX, "{\"manifests\":[{\"digest\":\"x\"}]}"))),
        ("silence", Fault::close(Stop::Fin)),
    ];
    for (name, fault) in ways {
        let registry = answering(fault);
        let (subject, _) = signed(&registry, 1);
        let repository = app(&registry);
        let (error, text) = refused(&repository, &digest(&subject)).await;
        assert!(!matches!(error, RegistryError::NotFound { .. }), "{name}: {text}");
        assert_eq!(repository.has_referrers_api(), None, "{name}: {text}");
        let asked = registry.log().kind(Kind::ManifestGet);
        assert_eq!(asked.count(), 0, "{name}: {asked}");
        // What comes after is believed.
        registry.clear_script();
        if name != "429" {
            let all = repository.referrers(&digest(&subject), true).await;
            assert!(matches!(&all, Ok(Listed::Api(all)) if all.len() == 1), "{name}: {all:?}");
        }
    }
}

#[tokio::test]
async fn an_error_says_what_cannot_be_read() {
    let registry = answering(Fault::answer(typed(
        200,
        INDEX,
        "{\"manifests\":[{\"digest\":\"\u{1b}[31mx\"}]}",
    )));
    let (subject, _) = signed(&registry, 1);
    let (_, text) = refused(&app(&registry), &digest(&subject)).await;
    assert!(text.contains(&format!("the referrers of app@{}", digest(&subject))), "{text}");
    assert!(text.contains("its list of referrers cannot be read"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_later_page_that_does_not_come_spoils_the_list() {
    let ways = [
        ("404", Fault::status(404)),
        ("400", Fault::status(400)),
        ("500", Fault::status(500)),
        ("a page", Fault::answer(typed(200, "text/html", "<html></html>"))),
        ("JSON", Fault::answer(typed(200, "application/json", "{\"manifests\":[]}"))),
        ("cut", Fault::none().cut_after(20, Stop::Reset)),
        ("short", Fault::none().short(20)),
    ];
    for (name, fault) in ways {
        let registry = ScriptedRegistry::plain();
        let (subject, _) = signed(&registry, 3);
        registry.set(|options| options.referrers_page = Some(2));
        let second = registry.script(Rule::on(Kind::Referrers).nth(2), fault);
        let repository = app(&registry);
        let all = repository.referrers(&digest(&subject), true).await;
        assert!(all.is_err(), "{name}: {all:?}");
        assert_eq!(second.fired(), 1, "{name}");
        assert_eq!(repository.has_referrers_api(), Some(true), "{name}");
        assert_eq!(registry.log().kind(Kind::ManifestGet).count(), 0, "{name}");
    }
}

#[tokio::test]
async fn an_api_that_has_listed_is_not_gone_by_one_answer() {
    for answer in [
        Answer::status(404),
        Answer::error(404, "UNSUPPORTED", "no"),
        Answer::status(400),
        Answer::status(405),
        Answer::status(406),
        typed(200, "text/html", "<html></html>"),
    ] {
        let registry = ScriptedRegistry::plain();
        let (subject, referrers) = signed(&registry, 1);
        let repository = app(&registry);
        assert_lists(&listed(&repository, &digest(&subject)).await, &referrers);
        let status = answer.status;
        registry.script(Rule::on(Kind::Referrers), Fault::answer(answer));
        let (error, text) = refused(&repository, &digest(&subject)).await;
        assert!(matches!(error, RegistryError::Protocol { .. }), "{text}");
        assert!(text.contains(&format!("now answers {status}")), "{text}");
        assert_eq!(repository.has_referrers_api(), Some(true), "{text}");
        registry.log().assert(&[(Kind::Referrers, 2)]);
    }
}

#[tokio::test]
async fn a_subject_that_a_listing_registry_does_not_know_has_no_referrers() {
    let registry = ScriptedRegistry::plain();
    let (subject, referrers) = signed(&registry, 1);
    let unknown = digest(&image("unknown"));
    let missing = Fault::error(404, "MANIFEST_UNKNOWN");
    registry.script(Rule::on(Kind::Referrers).reference(&unknown.to_string()), missing);
    let repository = app(&registry);
    assert_lists(&listed(&repository, &digest(&subject)).await, &referrers);
    assert_lists(&listed(&repository, &unknown).await, &[]);
    registry.log().assert(&[(Kind::Referrers, 2)]);
}

#[tokio::test]
async fn of_a_repository_that_is_not_there_nothing_is_concluded() {
    let registry = ScriptedRegistry::plain();
    let (subject, repository) = (image("app"), app(&registry));
    let none = repository.referrers(&digest(&subject), false).await.unwrap();
    assert_eq!((none, repository.has_referrers_api()), (Listed::NoRepository, None));
    registry.log().assert(&[(Kind::Referrers, 1)]);
    assert_eq!(listed(&repository, &digest(&subject)).await, Listed::NoRepository);
    registry.log().assert(&[(Kind::Referrers, 2), (Kind::ManifestGet, 1)]);
    let (subject, referrers) = signed(&registry, 1);
    assert_lists(&listed(&repository, &digest(&subject)).await, &referrers);
    assert_eq!(repository.has_referrers_api(), Some(true));
}

#[tokio::test]
async fn a_registry_that_takes_the_question_for_a_repository_may_still_have_the_tag() {
    let registry = answering(Fault::error(404, "NAME_UNKNOWN"));
    let (subject, referrers) = signed(&registry, 1);
    let repository = app(&registry);
    assert_eq!(listed(&repository, &digest(&subject)).await, Listed::Fallback(None));
    let index = ReferrerIndex::empty().with(&[said(&referrers[0])]).unwrap().unwrap();
    let put = registry.store().put_manifest("app", INDEX, index.bytes);
    registry.store().tag("app", digest(&subject).fallback_tag().as_str(), &put);
    let found = listed(&repository, &digest(&subject)).await;
    assert!(matches!(found, Listed::Fallback(Some(_))), "{found:?}");
    assert_eq!(repository.has_referrers_api(), None);
}

#[tokio::test]
async fn what_a_manifest_says_of_itself_is_what_a_registry_lists() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 0);
    let plain = Image::new().layer("plain").subject(&subject).annotation("k", "é").build();
    let attached = [referrer("application/vnd.test.sbom", &subject, "sbom"), plain];
    for one in &attached {
        registry.store().put("app", one);
    }
    assert_lists(&listed(&app(&registry), &digest(&subject)).await, &attached);
}
