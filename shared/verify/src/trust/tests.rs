//! Trust over a repository of the tests' own on this machine: good, refused, expired, rolled back, and
//! not there.

mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tempfile::TempDir;

use self::site::{Site, client};
use super::update::{Instance, Repository};
use super::{Source, Trust, TrustError, TrustSource};

/// A day of January 2027.
fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// After all that the tests' repository writes has expired.
fn late() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(4_000_000_000)
}

fn trust(site: &Site, cache: Option<PathBuf>, clock: fn() -> SystemTime) -> Trust {
    let instance = Instance { url: site.url(), root: site.root() };
    Trust::over(Source::Repository(Repository::new(instance, cache, client())), clock)
}

/// What went wrong, with its causes.
async fn error(trust: &Trust) -> String {
    let error = trust.verifier().await.expect_err("it is refused");
    let TrustError::Update { source, .. } = &error else { panic!("{error}") };
    format!("{error}: {source}")
}

#[track_caller]
fn assert_starts(text: &str, expected: &str) {
    assert!(text.contains(expected), "`{text}` without `{expected}`");
}

fn folder() -> (TempDir, Option<PathBuf>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("caches");
    (folder, Some(path))
}

#[tokio::test]
async fn a_root_is_read_once_for_all_who_ask() {
    let site = Site::start().await;
    let trust = Arc::new(trust(&site, None, clock));
    assert_eq!(site.asked(), 0, "nothing is read before it is needed");
    let asking = (0..20).map(|_| {
        let trust = Arc::clone(&trust);
        tokio::spawn(async move { trust.verifier().await.unwrap() })
    });
    let asking: Vec<_> = asking.collect();
    let mut verifiers = Vec::new();
    for one in asking {
        verifiers.push(one.await.unwrap());
    }
    assert!(verifiers.iter().all(|one| Arc::ptr_eq(one, &verifiers[0])));
    // The next TUF root, timestamp, snapshot, targets, and the target.
    assert_eq!(site.asked(), 5);
    assert_eq!(trust.warning(), None);
}

#[tokio::test]
async fn what_was_cached_asks_for_less_and_does_without_the_network() {
    let (folder, cache) = folder();
    let site = Site::start().await;
    trust(&site, cache.clone(), clock).verifier().await.unwrap();
    assert!(folder.path().join("caches/sigstore/targets/trusted_root.json").exists());
    assert_eq!(site.asked(), 5);
    // Is there a newer TUF root, or anything newer?
    trust(&site, cache.clone(), clock).verifier().await.unwrap();
    assert_eq!(site.asked(), 7);

    site.stop().await;
    let trust = trust(&site, cache, clock);
    trust.verifier().await.unwrap();
    assert_eq!(trust.warning(), None, "it has not expired");
}

#[tokio::test]
async fn without_network_and_cache_the_root_that_is_built_in_is_used_with_a_word() {
    let site = Site::start().await;
    site.stop().await;
    let trust = trust(&site, None, clock);
    trust.verifier().await.unwrap();
    let warning = trust.warning().expect("a warning");
    assert_starts(&warning, &format!("cannot reach {} for the trusted root", site.url()));
    assert_starts(&warning, "refused");
}

#[tokio::test]
async fn a_repository_that_never_answers_is_not_waited_for() {
    // Connections are taken by the system, and by nobody else.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let site = Site::start().await;
    let repository = Repository::new(Instance { url, root: site.root() }, None, client());
    let trust = Trust::over(Source::Repository(repository), clock);
    // Time goes on by itself whenever everybody waits.
    tokio::time::pause();
    trust.verifier().await.unwrap();
    assert_starts(&trust.warning().expect("a warning"), "no answer in 15 s");
}

#[tokio::test]
async fn a_cache_that_has_expired_is_none() {
    let (_folder, cache) = folder();
    let site = Site::start().await;
    trust(&site, cache.clone(), clock).verifier().await.unwrap();
    site.stop().await;
    let trust = trust(&site, cache, late);
    trust.verifier().await.unwrap();
    assert!(trust.warning().is_some());
}

#[tokio::test]
async fn an_answer_that_is_refused_is_an_error_also_with_a_cache() {
    let (_folder, cache) = folder();
    let site = Site::start().await;
    trust(&site, cache.clone(), clock).verifier().await.unwrap();
    for status in [403, 404, 429, 500, 302] {
        site.answer_all(status);
        let error = error(&trust(&site, cache.clone(), clock)).await;
        let expected = if status == 404 { "timestamp.json not found" } else { "was answered by" };
        assert_starts(&error, &format!("cannot update the trusted root from {}", site.url()));
        assert_starts(&error, expected);
    }
}

#[tokio::test]
async fn an_answer_for_the_moment_is_asked_for_again() {
    for status in [429, 503] {
        let site = Site::start().await;
        site.answer_next(status);
        trust(&site, None, clock).verifier().await.unwrap();
        assert_eq!(site.asked(), 6);
    }
}

#[tokio::test]
async fn an_answer_that_has_expired_is_an_error() {
    let site = Site::start().await;
    let error = error(&trust(&site, None, late)).await;
    assert_starts(&error, "expired at");
}

#[tokio::test]
async fn an_answer_that_is_older_than_the_last_is_an_error() {
    let (_folder, cache) = folder();
    let mut site = Site::start().await;
    site.publish(3, site::trusted_root());
    trust(&site, cache.clone(), clock).verifier().await.unwrap();
    site.publish(2, site::trusted_root());
    let error = error(&trust(&site, cache, clock)).await;
    assert_starts(&error, "rollback detected for timestamp: trusted version 3 > new version 2");
}

#[tokio::test]
async fn an_answer_by_somebody_else_is_an_error() {
    let site = Site::start().await;
    let other = Site::start().await;
    let instance = Instance { url: other.url(), root: site.root() };
    let repository = Repository::new(instance, None, client());
    let error = error(&Trust::over(Source::Repository(repository), clock)).await;
    assert_starts(&error, "signature threshold not met for role timestamp");
}

#[tokio::test]
async fn a_target_that_is_not_the_signed_one_is_an_error() {
    let site = Site::start().await;
    site.replace("/targets/trusted_root.json", json!({}).to_string().into_bytes());
    let error = error(&trust(&site, None, clock)).await;
    assert_starts(&error, "integrity check failed");
    let site = Site::start().await;
    site.replace("/timestamp.json", vec![b' '; 1 << 20]);
    assert_starts(&self::error(&trust(&site, None, clock)).await, "timestamp.json is longer than");
}

#[tokio::test]
async fn a_signed_target_that_is_no_root_is_an_error() {
    let mut site = Site::start().await;
    site.publish(2, b"{}".to_vec());
    let error = trust(&site, None, clock).verifier().await.unwrap_err();
    assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_done_without() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let site = Site::start().await;
    let trust = trust(&site, Some(file), clock);
    trust.verifier().await.unwrap();
    site.stop().await;
    a_day_later().await;
    trust.verifier().await.unwrap();
    assert_eq!(trust.warning(), None, "it was kept in memory");
}

#[tokio::test]
async fn a_failure_stands_for_seconds_and_a_root_for_a_day() {
    let mut site = Site::start().await;
    site.answer_all(500);
    let trust = trust(&site, None, clock);
    error(&trust).await;
    let asked = site.asked();
    error(&trust).await;
    assert_eq!(site.asked(), asked, "who waited gets the same answer");

    site.publish(1, site::trusted_root());
    later(Duration::from_secs(11)).await;
    let first = trust.verifier().await.unwrap();
    let asked = site.asked();
    later(Duration::from_hours(23)).await;
    assert!(Arc::ptr_eq(&first, &trust.verifier().await.unwrap()));
    assert_eq!(site.asked(), asked);
    later(Duration::from_hours(1)).await;
    assert!(!Arc::ptr_eq(&first, &trust.verifier().await.unwrap()));
    assert_eq!(site.asked(), asked + 2);
}

#[tokio::test]
async fn the_network_is_asked_again_soon_after_it_was_away() {
    let mut site = Site::start().await;
    site.stop().await;
    let trust = trust(&site, None, clock);
    trust.verifier().await.unwrap();
    assert!(trust.warning().is_some());
    site.go_on().await;
    later(Duration::from_mins(11)).await;
    trust.verifier().await.unwrap();
    assert_eq!(trust.warning(), None);
}

#[tokio::test]
async fn a_file_is_the_root_of_a_private_instance() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trusted_root.json");
    let trust = |path: &PathBuf| Trust::new(TrustSource::File(path.clone()), client(), clock);
    let error = trust(&path).verifier().await.unwrap_err();
    assert!(matches!(error, TrustError::Read { .. }), "{error}");

    std::fs::write(&path, site::trusted_root()).unwrap();
    trust(&path).verifier().await.unwrap();
    std::fs::write(&path, "{").unwrap();
    let error = trust(&path).verifier().await.unwrap_err();
    assert!(matches!(error, TrustError::File { .. }), "{error}");
    assert_eq!(error.to_string(), path.display().to_string());
    std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
    let error = trust(&path).verifier().await.unwrap_err();
    assert!(matches!(error, TrustError::TooLarge { .. }), "{error}");
}

#[test]
fn the_public_instance_is_the_one_that_is_built_in() {
    let instance = Instance::public_good();
    assert_eq!(instance.url, "https://tuf-repo-cdn.sigstore.dev");
    let source = TrustSource::PublicGood { cache: None };
    let trust = Trust::new(source, client(), clock);
    assert_eq!(trust.warning(), None);
}

async fn a_day_later() {
    later(Duration::from_hours(25)).await;
}

/// Lets time pass, but not while anybody waits for the network.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
