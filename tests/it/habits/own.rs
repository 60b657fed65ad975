//! Registries that one runs oneself: Harbor, Artifactory, GitLab, Nexus, distribution; and what any may do.

use mirror_tests::sample::{Image, image, noise};
use mirror_tests::scripted::{
    Auth, Fault, Kind, Listener, Rule, ScriptedRegistry, TokenAuth, User, habits,
};

use super::from_to;

fn pair() -> (ScriptedRegistry, ScriptedRegistry) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    (source, destination)
}

#[tokio::test]
async fn harbor_a_cookie_is_never_sent_back() {
    let (source, destination) = pair();
    habits::harbor(&destination);
    destination.store().create("app");
    let robot = "username: \"robot$team\", credential: {value: \"p$ss\"}";
    let users = vec![User::new("robot$team", "p$ss")];
    destination
        .set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
    let mirror = from_to(&source, &destination).host(&destination.host(), robot);
    mirror.sync(&[]).run().await.assert_code(0);
    let cookies = destination.log().only(|entry| entry.header("cookie").is_some());
    assert_eq!(cookies.count(), 0, "{cookies}");
    destination.store().assert_holds("app", "v1", &image("app"));
}

both_modes!(harbor_a_412_is_an_immutable_tag);
async fn harbor_a_412_is_an_immutable_tag() {
    let (source, destination) = pair();
    habits::harbor_immutable_tags(&destination);
    // Somebody puts another image there between the look and the write.
    destination.script(
        Rule::on(Kind::ManifestPut).nth(1),
        Fault::none().before(|_, store| {
            store.push("app", "v1", &image("theirs"));
        }),
    );
    let done = from_to(&source, &destination).sync(&[]).run().await;
    done.assert_code(2);
    assert!(done.stdout.contains("(drifted)"), "{done}");
    assert_eq!(destination.log().kind(Kind::ManifestPut).count(), 1, "{}", destination.log());
}

both_modes!(artifactory_a_403_that_a_get_explains_as_absence_is_absence);
async fn artifactory_a_403_that_a_get_explains_as_absence_is_absence() {
    let (source, destination) = pair();
    habits::artifactory(&source);
    // A virtual repository: HEAD is 403 of what is absent, GET says 404.
    destination.script(Rule::on(Kind::ManifestHead), Fault::status(403));
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
    // No digest at the source's HEAD: it is read and hashed.
    let log = source.log();
    log.assert(&[
        (Kind::Tags, 1),
        (Kind::ManifestHead, 1),
        (Kind::ManifestGet, 2),
        (Kind::BlobGet, 3),
    ]);
}

both_modes!(artifactory_a_403_of_a_get_too_is_a_refusal_and_no_absence);
async fn artifactory_a_403_of_a_get_too_is_a_refusal_and_no_absence() {
    let (source, destination) = pair();
    habits::artifactory(&destination);
    let done = from_to(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("not in this virtual repository"), "{done}");
    assert_eq!(destination.log().kind(Kind::ManifestPut).count(), 0, "{}", destination.log());
}

#[tokio::test]
async fn gitlab_a_token_that_ends_before_the_commit_is_renewed() {
    let (source, destination) = pair();
    let users = vec![User::new("robot", "hunter2")];
    destination
        .set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
    habits::gitlab(&destination);
    let mirror = from_to(&source, &destination)
        .host(&destination.host(), "username: robot, credential: {value: hunter2}");
    let done = mirror.sync(&["--retries", "0", "--concurrency", "1"]).run().await;
    done.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::Token).count(), 2, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).admitted().count(), 3, "the session is kept: {log}");
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn gitlab_bytes_that_went_up_before_the_token_ended_are_kept() {
    let source = ScriptedRegistry::plain();
    let destination = ScriptedRegistry::plain();
    let sample = Image::new().layer(noise("large", 5000)).build();
    source.store().push("app", "v1", &sample);
    let users = vec![User::new("robot", "hunter2")];
    destination
        .set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
    // The commit of the blob that went up in chunks: a PUT without a body.
    let revoke = destination.revoker();
    let commit = Rule::on(Kind::UploadPut).with_header("content-length", "0").nth(1);
    destination.script(commit, Fault::none().before(move |_, _| revoke()));
    let robot = "username: robot, credential: {value: hunter2}, maxChunkSize: 2";
    let mirror = from_to(&source, &destination).host(&destination.host(), robot);
    // One blob at a time: another under way with the old token would have to be read again.
    mirror.sync(&["--retries", "0", "--concurrency", "1"]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::UploadPatch).count(), 3, "no byte goes up twice: {log}");
    assert_eq!(source.log().kind(Kind::BlobGet).count(), 2, "{}", source.log());
    destination.store().assert_holds("app", "v1", &sample);
}

both_modes!(red_hat_and_nexus_a_head_without_a_digest_is_read_and_hashed);
async fn red_hat_and_nexus_a_head_without_a_digest_is_read_and_hashed() {
    let (source, destination) = pair();
    habits::red_hat(&source);
    habits::red_hat(&destination);
    let mirror = from_to(&source, &destination);
    mirror.sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
    source.clear_log();
    destination.clear_log();
    let done = mirror.sync(&[]).run().await;
    assert!(done.stdout.contains("(skipped)"), "{done}");
    for registry in [&source, &destination] {
        assert_eq!(registry.log().kind(Kind::ManifestGet).count(), 1, "{}", registry.log());
    }
}

both_modes!(distribution_has_no_referrers_api_and_is_not_asked_for_it);
async fn distribution_has_no_referrers_api_and_is_not_asked_for_it() {
    let (source, destination) = pair();
    for registry in [&source, &destination] {
        registry.set(|options| options.referrers = false);
    }
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    for registry in [&source, &destination] {
        assert_eq!(registry.log().kind(Kind::Referrers).count(), 0, "{}", registry.log());
    }
}

both_modes!(a_location_may_be_a_path_or_a_whole_url_with_a_query);
async fn a_location_may_be_a_path_or_a_whole_url_with_a_query() {
    for absolute in [false, true] {
        let (source, destination) = pair();
        destination.set(|options| options.absolute_locations = absolute);
        from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
        destination.store().assert_holds("app", "v1", &image("app"));
        // The upload's own query stays as it was, and the digest is added.
        let puts = destination.log().kind(Kind::UploadPut);
        let is_right = |target: &str| target.contains("?_state=0&digest=sha256%3A");
        assert!(puts.entries().iter().all(|put| is_right(&put.target)), "{puts}");
    }
}

both_modes!(a_location_without_a_leading_slash_is_relative_to_its_own_request);
async fn a_location_without_a_leading_slash_is_relative_to_its_own_request() {
    let (source, destination) = pair();
    let relative = Fault::none().edit(|_, answer| {
        if let Some((_, rest)) = answer.header("location").and_then(|it| it.split_once("/uploads/"))
        {
            let location = rest.to_owned();
            answer.set("Location", location);
        }
    });
    destination.script(Rule::on(Kind::UploadPost), relative);
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn a_location_on_another_host_is_followed_without_credentials() {
    let (source, destination) = pair();
    let users = vec![User::new("robot", "hunter2")];
    destination
        .set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
    habits::uploads_elsewhere(&destination);
    let robot = "username: robot, credential: {value: hunter2}";
    let mirror = from_to(&source, &destination).host(&destination.host(), robot);
    mirror.sync(&[]).run().await.assert_code(0);
    let other = destination.log().only(|entry| entry.listener == Listener::Other);
    assert_eq!(other.kind(Kind::UploadPut).count(), 3, "{other}");
    other.assert_anonymous();
}
