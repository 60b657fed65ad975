//! The fallback tag is read whole, and written only over what was read where the registry can tell.

use std::error::Error as _;
use std::slice::from_ref;
use std::time::Duration;

use mirror_oci::{Digest, MAX_REFERRERS, Manifest, Referrer, ReferrerIndex};
use mirror_registry::{Fallback, FallbackWritten, RegistryError, Repository};
use mirror_tests::sample::{IMAGE, INDEX, Sample, image};
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedRegistry, habits};
use mirror_transport::{TransportError, Validity};

use super::{app, digest, said, signed};

fn index_of(referrers: &[Referrer]) -> Manifest {
    ReferrerIndex::empty().with(referrers).expect("an index").expect("a referrer")
}

/// Puts `bytes` under the fallback tag of `subject`.
fn tag(registry: &ScriptedRegistry, subject: &Sample, media_type: &str, bytes: &[u8]) {
    let put = registry.store().put_manifest("app", media_type, bytes.to_vec());
    registry.store().tag("app", digest(subject).fallback_tag().as_str(), &put);
}

/// Writes and says what became of it.
async fn put(
    repository: &Repository,
    subject: &Digest,
    index: &Manifest,
    found: Option<&Fallback>,
) -> FallbackWritten {
    repository.put_fallback(subject, index, found, None).await.expect("an answer")
}

#[tokio::test]
async fn it_is_read_by_one_request() {
    let registry = ScriptedRegistry::plain();
    let repository = app(&registry);
    let subject = digest(&image("app"));
    assert_eq!(repository.fallback(&subject).await.unwrap(), None, "no repository");
    let (image, referrers) = signed(&registry, 2);
    assert_eq!(repository.fallback(&subject).await.unwrap(), None, "no tag");
    let all: Vec<Referrer> = referrers.iter().map(said).collect();
    tag(&registry, &image, INDEX, &index_of(&all).bytes);
    let found = repository.fallback(&subject).await.unwrap().expect("a tag");
    assert_eq!(found.index.referrers(), all);
    assert!(all.iter().all(|one| found.index.contains(&one.descriptor.digest)));
    registry.log().assert(&[(Kind::ManifestGet, 3)]);
}

#[tokio::test]
async fn a_weak_etag_is_none() {
    for (etag, expected) in [("\"x\"", Some("\"x\"")), ("W/\"x\"", None), ("x", None)] {
        let registry = ScriptedRegistry::plain();
        let (subject, referrers) = signed(&registry, 1);
        tag(&registry, &subject, INDEX, &index_of(&[said(&referrers[0])]).bytes);
        registry.script(Rule::on(Kind::ManifestGet), Fault::none().header("ETag", etag));
        let found = app(&registry).fallback(&digest(&subject)).await.unwrap().expect("a tag");
        assert_eq!(found.etag.as_deref(), expected, "{etag}");
    }
    let registry = ScriptedRegistry::plain();
    registry.set(|options| options.etags = false);
    let (subject, referrers) = signed(&registry, 1);
    tag(&registry, &subject, INDEX, &index_of(&[said(&referrers[0])]).bytes);
    assert_eq!(app(&registry).fallback(&digest(&subject)).await.unwrap().unwrap().etag, None);
}

#[tokio::test]
async fn what_is_no_index_of_referrers_is_an_error() {
    let registry = ScriptedRegistry::plain();
    let (subject, _) = signed(&registry, 0);
    let many = (0..=MAX_REFERRERS)
        .map(|at| format!(r#"{{"mediaType":"a/b","digest":"sha256:{at:064x}","size":1}}"#))
        .collect::<Vec<_>>();
    let many = format!(r#"{{"manifests":[{}]}}"#, many.join(","));
    let repository = app(&registry);
    for (media_type, bytes, expected) in [
        (IMAGE, &subject.bytes[..], "is no image index of referrers"),
        (INDEX, br#"{"manifests":[{}]}"#, "cannot be read"),
        (INDEX, many.as_bytes(), "more than 10000 referrers"),
    ] {
        tag(&registry, &subject, media_type, bytes);
        let error = repository.fallback(&digest(&subject)).await.expect_err(expected);
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {cause}").contains(expected), "{error}: {cause}");
        if !cause.is_empty() {
            let of = format!("app:{} on {}", digest(&subject).fallback_tag(), registry.host());
            assert_eq!(error.to_string(), format!("fallback tag {of}"));
        }
    }
    for status in [401, 403, 500] {
        registry.script(Rule::on(Kind::ManifestGet), Fault::status(status));
        assert!(repository.fallback(&digest(&subject)).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn who_writes_over_another_is_told() {
    let registry = ScriptedRegistry::plain();
    let (image, referrers) = signed(&registry, 2);
    let (subject, repository) = (digest(&image), app(&registry));
    let [one, two] = [said(&referrers[0]), said(&referrers[1])];
    assert!(matches!(
        put(&repository, &subject, &index_of(from_ref(&one)), None).await,
        FallbackWritten::Yes
    ));
    let ours = repository.fallback(&subject).await.unwrap().expect("a tag");
    let theirs = index_of(from_ref(&two));
    tag(&registry, &image, INDEX, &theirs.bytes);

    let merged = ours.index.with(from_ref(&two)).unwrap().expect("one is missing");
    let written = put(&repository, &subject, &merged, Some(&ours)).await;
    let FallbackWritten::Changed(said) = written else { panic!("{written:?}") };
    assert!(said.answer().is_some_and(|answer| answer.status == 412), "{said}");

    let again = repository.fallback(&subject).await.unwrap().expect("a tag");
    let merged = again.index.with(&[one.clone(), two.clone()]).unwrap().expect("one is missing");
    let written = put(&repository, &subject, &merged, Some(&again)).await;
    assert!(matches!(written, FallbackWritten::Yes), "{written:?}");
    let last = repository.fallback(&subject).await.unwrap().expect("a tag");
    assert_eq!(last.index.referrers(), [two, one]);
    let puts = registry.log().kind(Kind::ManifestPut);
    let conditions = puts.entries().iter().map(|put| put.header("if-match").map(str::to_owned));
    assert_eq!(conditions.collect::<Vec<_>>(), [None, ours.etag, again.etag]);
    let news = puts.entries().iter().map(|put| put.header("if-none-match").map(str::to_owned));
    assert_eq!(news.collect::<Vec<_>>(), [Some("*".to_owned()), None, None]);
    let types = puts.entries().iter().all(|put| put.header("content-type") == Some(INDEX));
    assert!(types, "{puts}");
}

#[tokio::test]
async fn who_was_first_to_make_it_is_told() {
    let registry = ScriptedRegistry::plain();
    let (image, referrers) = signed(&registry, 2);
    let [one, two] = [said(&referrers[0]), said(&referrers[1])];
    tag(&registry, &image, INDEX, &index_of(from_ref(&two)).bytes);
    // It was not there when it was looked for.
    let written = put(&app(&registry), &digest(&image), &index_of(from_ref(&one)), None).await;
    assert!(matches!(written, FallbackWritten::Changed(_)), "{written:?}");
}

#[tokio::test]
async fn without_a_condition_a_412_is_an_immutable_tag() {
    let registry = ScriptedRegistry::plain();
    habits::harbor_immutable_tags(&registry);
    let (image, referrers) = signed(&registry, 1);
    let index = index_of(&[said(&referrers[0])]);
    tag(&registry, &image, INDEX, &index.bytes);
    registry.set(|options| options.etags = false);
    let repository = app(&registry);
    let found = repository.fallback(&digest(&image)).await.unwrap();
    let error = repository.put_fallback(&digest(&image), &index, found.as_ref(), None).await;
    assert!(error.as_ref().is_err_and(RegistryError::is_immutable_tag), "{error:?}");
}

#[tokio::test]
async fn nothing_is_written_once_the_permission_is_over() {
    let registry = ScriptedRegistry::plain();
    let (image, referrers) = signed(&registry, 1);
    let repository = app(&registry);
    // First contact is made by something that may wait.
    repository.fallback(&digest(&image)).await.unwrap();
    let index = index_of(&[said(&referrers[0])]);
    let hour = Duration::from_secs(3600);
    let write = async |begin| {
        let validity = Some(Validity::new(begin, hour));
        repository.put_fallback(&digest(&image), &index, None, validity).await
    };
    let error = write(Duration::ZERO).await;
    assert!(
        matches!(error, Err(RegistryError::Transport(TransportError::Expired { .. }))),
        "{error:?}"
    );
    assert_eq!(registry.log().kind(Kind::ManifestPut).count(), 0);
    assert!(matches!(write(hour).await, Ok(FallbackWritten::Yes)));
}
