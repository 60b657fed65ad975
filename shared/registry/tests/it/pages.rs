//! What the referrers API lists: all of it, once, within its bounds.

use mirror_credentials::DockerConfig;
use mirror_oci::MAX_REFERRERS;
use mirror_registry::{Listed, RegistryError};
use mirror_tests::sample::INDEX;
use mirror_tests::scripted::{
    Answer, Auth, Fault, Kind, Listener, Request, Rule, ScriptedRegistry,
};
use serde_json::{Value, json};

use super::{app, assert_lists, digest, listed, refused, registries_with, repository, signed};

/// Names the next page in another way than by its path.
fn link(form: &'static str) -> Fault {
    Fault::none().edit(move |request, answer| {
        let Some(link) = answer.header("Link").map(str::to_owned) else { return };
        let host = request.header("host").unwrap_or_default();
        let path = link.trim_start_matches('<').split('>').next().unwrap_or_default();
        let query = path.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let form = form.replace("HOST", host).replace("PATH", path).replace("QUERY", query);
        answer.set("Link", form);
    })
}

/// A page of `count` entries beginning with number `begin`, and perhaps a next page.
fn page(begin: usize, count: usize, next: Option<String>) -> Answer {
    let entry =
        |at: usize| json!({"mediaType": "a/b", "digest": format!("sha256:{at:064x}"), "size": 1});
    let entries: Vec<Value> = (begin..begin + count).map(entry).collect();
    let mut answer = Answer::json(200, &json!({"schemaVersion": 2, "manifests": entries}));
    answer.set("Content-Type", INDEX);
    match next {
        Some(next) => answer.with("Link", format!("<{next}>; rel=\"next\"")),
        None => answer,
    }
}

/// The number in `?page=`.
fn number(request: &Request) -> usize {
    request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn all_pages_are_listed_in_their_order_by_one_request_each() {
    for form in
        ["<PATH>; rel=\"next\"", "<http://HOSTPATH>; rel=next", "<?QUERY>; title=x; rel=\"next\""]
    {
        let registry = ScriptedRegistry::plain();
        let (subject, referrers) = signed(&registry, 5);
        registry.set(|options| options.referrers_page = Some(2));
        registry.script(Rule::on(Kind::Referrers), link(form));
        assert_lists(&listed(&app(&registry), &digest(&subject)).await, &referrers);
        registry.log().assert(&[(Kind::Referrers, 3)]);
        let asked = registry.log();
        assert!(
            asked.entries().iter().all(|entry| !entry.target.contains("artifactType")),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn what_a_listing_says_of_a_referrer_is_kept() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 0);
    let entry = json!({
        "mediaType": "a/m", "digest": format!("sha256:{:064x}", 1), "size": 7,
        "artifactType": "a/t", "annotations": {"k": "v"}, "platform": {"os": "linux"}
    });
    let answer = Answer::json(200, &json!({"manifests": [entry.clone(), entry]}));
    let answer = Fault::answer(answer).header("Content-Type", &format!("{INDEX}; charset=utf-8"));
    registry.script(Rule::on(Kind::Referrers), answer);
    let Listed::Api(found) = listed(&app(&registry), &digest(&subject)).await else {
        panic!("no listing")
    };
    assert_eq!(found.len(), 1, "each once: {found:?}");
    assert_eq!(found[0].descriptor.artifact_type.as_deref(), Some("a/t"));
    assert_eq!(found[0].annotations.get("k").map(String::as_str), Some("v"));
    assert_eq!(found[0].descriptor.size, 7);
}

#[tokio::test]
async fn a_page_may_be_empty_and_not_the_last() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 0);
    registry.script(
        Rule::on(Kind::Referrers),
        Fault::instead(|request, _| {
            Some(match number(request) {
                0 => page(0, 0, Some("?page=1".to_owned())),
                1 => page(0, 1, Some("?page=2".to_owned())),
                2 => page(0, 0, Some("?page=3".to_owned())),
                _ => page(1, 1, None),
            })
        }),
    );
    let Listed::Api(found) = listed(&app(&registry), &digest(&subject)).await else {
        panic!("no listing")
    };
    assert_eq!(found.len(), 2);
}

/// Asserts that a listing of such pages ends in an error that says `expected`.
#[track_caller]
fn assert_says(text: &str, expected: &str) {
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_an_error() {
    for answer in [
        // The same page under the same name, and under ever new ones.
        (|_| page(0, 2, Some("?page=1".to_owned()))) as fn(usize) -> Answer,
        |at| page(0, 2, Some(format!("?page={}", at + 1))),
        |_| page(0, 0, Some("?page=1".to_owned())),
    ] {
        let registry = ScriptedRegistry::plain();
        let (subject, _) = signed(&registry, 0);
        let circle = Fault::instead(move |request, _| Some(answer(number(request))));
        registry.script(Rule::on(Kind::Referrers), circle);
        let (error, text) = refused(&app(&registry), &digest(&subject)).await;
        assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
        assert_says(&text, "its list of referrers has no end");
        assert!(registry.log().count() <= 3, "{}", registry.log());
    }
}

#[tokio::test]
async fn a_listing_has_at_most_a_hundred_pages() {
    for (last, expected) in [(99, Ok(100)), (100, Err("more than 100 pages of referrers"))] {
        let registry = ScriptedRegistry::plain();
        let (subject, _) = signed(&registry, 0);
        registry.script(
            Rule::on(Kind::Referrers),
            Fault::instead(move |request, _| {
                let at = number(request);
                Some(page(at, 1, (at < last).then(|| format!("?page={}", at + 1))))
            }),
        );
        match (app(&registry).referrers(&digest(&subject), true).await, expected) {
            (Ok(Listed::Api(found)), Ok(count)) => assert_eq!(found.len(), count),
            (Err(error @ RegistryError::TooMany { .. }), Err(text)) => {
                assert_says(&error.to_string(), text);
            }
            (other, _) => panic!("{other:?}"),
        }
        assert_eq!(registry.log().count(), 100);
    }
}

#[tokio::test]
async fn a_subject_has_at_most_ten_thousand_referrers() {
    for (more, expected) in [(0, None), (1, Some("more than 10000 referrers"))] {
        let registry = ScriptedRegistry::plain();
        let (subject, _) = signed(&registry, 0);
        registry.script(
            Rule::on(Kind::Referrers),
            Fault::instead(move |request, _| {
                Some(match number(request) {
                    0 => page(0, MAX_REFERRERS, Some("?page=1".to_owned())),
                    // What stands twice counts once.
                    _ => page(MAX_REFERRERS - 1, 1 + more, None),
                })
            }),
        );
        // Exactly as many, the last of them twice, is not too many; it brings nothing new, but ends.
        match (app(&registry).referrers(&digest(&subject), true).await, expected) {
            (Ok(Listed::Api(found)), None) => assert_eq!(found.len(), MAX_REFERRERS),
            (Err(error @ RegistryError::TooMany { .. }), Some(text)) => {
                assert_says(&error.to_string(), text);
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_page_and_all_pages_have_at_most_so_many_bytes() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 0);
    let endless =
        registry.script(Rule::on(Kind::Referrers), Fault::answer(page(0, 1, None)).endless());
    let (error, text) = refused(&app(&registry), &digest(&subject)).await;
    assert!(matches!(error, RegistryError::TooMany { .. }), "{error:?}");
    assert_says(&text, "more than 8388608 bytes of referrers in a page");
    assert_eq!(endless.fired(), 1);

    registry.clear_script();
    registry.script(
        Rule::on(Kind::Referrers),
        Fault::instead(|request, _| {
            let at = number(request);
            let large = page(at, 1, Some(format!("?page={}", at + 1)));
            let padding = " ".repeat(8_000_000);
            let body = [&large.body[..], padding.as_bytes()].concat();
            Some(large.body(body))
        }),
    );
    let (error, text) = refused(&app(&registry), &digest(&subject)).await;
    assert!(matches!(error, RegistryError::TooMany { .. }), "{error:?}");
    assert_says(&text, "more than 67108864 bytes of referrers");
}

#[tokio::test]
async fn credentials_do_not_follow_a_page_to_another_host() {
    let registry = ScriptedRegistry::plain();
    let (subject, referrers) = signed(&registry, 3);
    registry.set(|options| options.referrers_page = Some(2));
    let other = registry.other_host();
    registry.script(
        Rule::on(Kind::Referrers),
        Fault::none().edit(move |_, answer| {
            let link =
                answer.header("Link").map(|link| link.replace("</", &format!("<http://{other}/")));
            if let Some(link) = link {
                answer.set("Link", link);
            }
        }),
    );
    let (user, password) = ("robot".to_owned(), "hunter2".to_owned());
    registry.set(|options| options.auth = Auth::Basic { user, password });
    let login = json!({"auths": {registry.host(): {"auth": "cm9ib3Q6aHVudGVyMg=="}}});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, login.to_string()).unwrap();
    let path = file.path().to_str().map(str::to_owned);
    let docker = DockerConfig::from_environment(&|name| {
        path.clone().filter(|_| name == "REGISTRY_AUTH_FILE")
    });
    let repository = repository(&registries_with(docker), &registry, "app");
    assert_lists(&listed(&repository, &digest(&subject)).await, &referrers);
    let elsewhere = registry.log().only(|entry| entry.listener == Listener::Other);
    assert_eq!(elsewhere.count(), 1, "{elsewhere}");
    elsewhere.assert_anonymous();
}
