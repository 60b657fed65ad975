//! How many requests each situation costs, exactly: the table of the design, a test a line.
//!
//! Each is counted twice: where nobody is asked who he is, and where everybody needs tokens, whose
//! requests are counted apart.
//!
//! Over a fleet, a worker learns nothing of what the coordinator found: it looks once more before each
//! tag that it writes, and asks for each blob also where there is no repository yet.

pub(crate) mod pair;

use mirror_tests::mode::{either, is_fleet};
use mirror_tests::sample::{Image, Sample, image, index, noise, two_platforms};
use mirror_tests::scripted::Kind::{
    BlobGet, BlobHead, ManifestGet, ManifestHead, ManifestPut, MountPost, Ping, Tags, Token,
    UploadPost, UploadPut,
};
use mirror_tests::scripted::{Entry, Log};

use self::pair::{Pair, assert_rows};

/// An image of these layers, and of a config that no other image has.
fn layered(name: &str, layers: &[&str]) -> Sample {
    let layers = layers.iter().map(|layer| noise(layer, 2000));
    let image = layers.fold(Image::new(), Image::layer);
    image.platform("linux", name).build()
}

#[track_caller]
fn assert_by_digest(log: &Log) {
    for entry in log.entries() {
        assert!(entry.reference.as_ref().is_some_and(|name| name.contains(':')), "{entry:?}");
    }
}

both_modes!(an_entry_costs_a_tag_list_per_page);
async fn an_entry_costs_a_tag_list_per_page() {
    for pair in Pair::both() {
        for tag in ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"] {
            pair.source.store().push("app", tag, &image("app"));
            pair.destination.store().push("app", tag, &image("app"));
        }
        pair.source.set(|options| options.page = Some(2));
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        pair.asked_source("app").assert(&[(Tags, 3), (ManifestHead, 5)]);
    }
}

both_modes!(an_unchanged_tag_costs_a_head_on_each_side);
async fn an_unchanged_tag_costs_a_head_on_each_side() {
    for pair in Pair::both() {
        for tag in ["1.0.0", "1.0.1", "1.0.2"] {
            pair.source.store().push("app", tag, &two_platforms(tag));
            pair.destination.store().push("app", tag, &two_platforms(tag));
        }
        pair.mirrors(&["app"]);
        let done = pair.sync_well().await;
        let up_to_date = |tag| (tag, "skipped");
        assert_rows(&done, 0, &["1.0.2", "1.0.1", "1.0.0"].map(up_to_date));
        pair.asked_source("app").assert(&[(Tags, 1), (ManifestHead, 3)]);
        pair.asked("app").assert(&[(ManifestHead, 3)]);
    }
}

both_modes!(a_drifted_tag_costs_a_head_on_each_side);
async fn a_drifted_tag_costs_a_head_on_each_side() {
    for pair in Pair::both() {
        pair.source.store().push("app", "1.0.0", &image("new"));
        pair.destination.store().push("app", "1.0.0", &image("old"));
        pair.mirrors(&["app"]);
        let done = pair.sync([]).run().await;
        assert_rows(done.assert_code(2), 0, &[("1.0.0", "drifted")]);
        pair.asked_source("app").assert(&[(Tags, 1), (ManifestHead, 1)]);
        pair.asked("app").assert(&[(ManifestHead, 1)]);
    }
}

both_modes!(each_manifest_of_a_new_tag_costs_a_get_by_digest_and_a_put);
async fn each_manifest_of_a_new_tag_costs_a_get_by_digest_and_a_put() {
    for pair in Pair::both() {
        let sample = two_platforms("app");
        pair.source.store().push("app", "1.0.0", &sample);
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        pair.destination.store().assert_holds("app", "1.0.0", &sample);
        let asked = pair.asked_source("app");
        asked.assert(&[(Tags, 1), (ManifestHead, 1), (ManifestGet, 3), (BlobGet, 4)]);
        assert_by_digest(&asked.kind(ManifestGet));
        let put = pair.asked("app").kind(ManifestPut);
        let names: Vec<_> = put.entries().iter().filter_map(|put| put.reference.clone()).collect();
        assert_eq!(names.len(), 3);
        assert!(names[..2].iter().all(|name| name.starts_with("sha256:")), "{names:?}");
        assert_eq!(names[2], "1.0.0");
    }
}

both_modes!(where_there_is_no_repository_one_list_says_so_for_all_tags_and_blobs);
async fn where_there_is_no_repository_one_list_says_so_for_all_tags_and_blobs() {
    for pair in Pair::both() {
        for tag in ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"] {
            pair.source.store().push("app", tag, &layered(tag, &[tag]));
        }
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        // 5 manifests; a config and a layer each.
        pair.asked("app").assert(&[
            (ManifestHead, either(1, 1 + 5)),
            (Tags, 1),
            (BlobHead, either(0, 10)),
            (UploadPost, 10),
            (UploadPut, 10),
            (ManifestPut, 5),
        ]);
        pair.destination.store().assert_whole();
    }
}

both_modes!(a_new_blob_costs_a_get_a_post_and_a_put_in_an_empty_repository);
async fn a_new_blob_costs_a_get_a_post_and_a_put_in_an_empty_repository() {
    for pair in Pair::both() {
        pair.source.store().push("app", "1.0.0", &image("app"));
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        let blobs = 3;
        pair.asked_source("app").assert(&[
            (Tags, 1),
            (ManifestHead, 1),
            (ManifestGet, 1),
            (BlobGet, blobs),
        ]);
        pair.asked("app").assert(&[
            (ManifestHead, either(1, 2)),
            (Tags, 1),
            (BlobHead, either(0, blobs)),
            (UploadPost, blobs),
            (UploadPut, blobs),
            (ManifestPut, 1),
        ]);
    }
}

both_modes!(a_new_blob_costs_one_more_in_a_repository_with_content);
async fn a_new_blob_costs_one_more_in_a_repository_with_content() {
    for pair in Pair::both() {
        let (old, new) = (layered("old", &["base"]), layered("new", &["base", "top"]));
        pair.source.store().push("app", "1.0.1", &new);
        pair.destination.store().push("app", "1.0.0", &old);
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        // The base is there, the top and the config are not.
        pair.asked_source("app").assert(&[
            (Tags, 1),
            (ManifestHead, 1),
            (ManifestGet, 1),
            (BlobGet, 2),
        ]);
        pair.asked("app").assert(&[
            (ManifestHead, either(1, 2)),
            (Tags, 1),
            (BlobHead, 3),
            (UploadPost, 2),
            (UploadPut, 2),
            (ManifestPut, 1),
        ]);
        pair.destination.store().assert_holds("app", "1.0.1", &new);
    }
}

#[tokio::test]
async fn a_blob_that_the_run_knows_elsewhere_in_the_registry_costs_a_post_that_mounts() {
    for pair in Pair::both() {
        let names = ["a", "b", "c"];
        for name in names {
            pair.source.store().push(name, "1.0.0", &layered(name, &["shared 1", "shared 2"]));
        }
        pair.mirrors(&names);
        pair.sync_well().await;
        // Two layers travel once and are mounted twice; three configs travel.
        let asked = pair.destination.log().admitted().only(|entry| entry.kind != Token);
        asked.assert(&[
            (ManifestHead, 3),
            (Tags, 3),
            (MountPost, 4),
            (UploadPost, 5),
            (UploadPut, 5),
            (ManifestPut, 3),
        ]);
        let asked = pair.source.log().admitted().only(|entry| entry.kind != Token);
        asked.assert(&[(Tags, 3), (ManifestHead, 3), (ManifestGet, 3), (BlobGet, 5)]);
        pair.destination.store().assert_whole();
    }
}

both_modes!(a_blob_that_the_destination_was_found_to_have_is_mounted_elsewhere);
async fn a_blob_that_the_destination_was_found_to_have_is_mounted_elsewhere() {
    for pair in Pair::both() {
        let layers = ["shared"];
        pair.destination.store().push("a", "0.9.0", &layered("old", &layers));
        pair.source.store().push("a", "1.0.0", &layered("a", &layers));
        pair.source.store().push("b", "1.0.0", &layered("b", &layers));
        pair.mirrors(&["a"]);
        pair.sync_well().await;
        pair.asked("a").assert(&[
            (ManifestHead, either(1, 2)),
            (Tags, 1),
            (BlobHead, 2),
            (UploadPost, 1),
            (UploadPut, 1),
            (ManifestPut, 1),
        ]);
        assert_eq!(pair.asked_source("a").kind(BlobGet).count(), 1);
    }
}

#[tokio::test]
async fn a_blob_or_child_that_the_run_knows_in_the_repository_costs_nothing() {
    for pair in Pair::both() {
        let shared = layered("shared", &["base", "top"]);
        for tag in ["1.0.0", "1.0.1", "1.0.2"] {
            let own = layered(tag, &["base", tag]);
            pair.source.store().push("app", tag, &index(&[shared.clone(), own]));
        }
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        // Blobs: base, top, four configs, three layers. Manifests: shared, three own, three indexes.
        pair.asked_source("app").assert(&[
            (Tags, 1),
            (ManifestHead, 3),
            (ManifestGet, 7),
            (BlobGet, 9),
        ]);
        pair.asked("app").assert(&[
            (ManifestHead, 1),
            (Tags, 1),
            (UploadPost, 9),
            (UploadPut, 9),
            (ManifestPut, 7),
        ]);
        pair.destination.store().assert_whole();
    }
}

#[tokio::test]
async fn a_tag_missing_by_a_list_alone_is_asked_for_directly_before_its_put() {
    for pair in Pair::both() {
        let tags = ["1.0.1", "1.0.2", "1.0.3"];
        for tag in tags {
            pair.source.store().push("app", tag, &image("app"));
        }
        pair.destination.store().push("app", "1.0.0", &image("app"));
        pair.mirrors(&["app"]);
        pair.sync_well().await;
        // The first tag is looked at alone; the others are looked at before they are written.
        let asked = pair.asked("app");
        asked.assert(&[(ManifestHead, 3), (Tags, 1), (BlobHead, 3), (ManifestPut, 3)]);
        for tag in tags {
            let own = asked.only(|entry| entry.reference.as_deref() == Some(tag));
            let kinds: Vec<_> = own.entries().iter().map(|entry| entry.kind).collect();
            assert_eq!(kinds, [ManifestHead, ManifestPut], "{tag}");
        }
        let heads = asked.kind(ManifestHead);
        let position = |wanted: &Entry| {
            asked.entries().iter().position(|entry| entry.start == wanted.start).unwrap()
        };
        let last_blob = position(asked.kind(BlobHead).entries().last().unwrap());
        let late = heads.entries().iter().filter(|head| position(head) > last_blob).count();
        assert_eq!(late, 2, "{asked}");
    }
}

both_modes!(a_list_of_another_page_proves_nothing);
async fn a_list_of_another_page_proves_nothing() {
    for pair in Pair::both() {
        for tag in ["1.0.1", "1.0.2", "1.0.3"] {
            pair.source.store().push("app", tag, &image("app"));
        }
        for tag in ["0.0.1", "0.0.2", "0.0.3", "1.0.2"] {
            pair.destination.store().push("app", tag, &image("app"));
        }
        pair.destination.set(|options| options.page = Some(2));
        pair.mirrors(&["app"]);
        let done = pair.sync_well().await;
        let rows = [("1.0.3", "copied"), ("1.0.2", "skipped"), ("1.0.1", "copied")];
        assert_rows(&done, 0, &rows);
        let asked = pair.asked("app");
        if is_fleet() {
            // One more HEAD before each PUT; the second of the same digest is looked at again where it
            // had to wait for the first, and asks for its blobs where another worker has it.
            asked
                .only(|entry| matches!(entry.kind, Tags | ManifestPut))
                .assert(&[(Tags, 1), (ManifestPut, 2)]);
            assert!((5..=6).contains(&asked.kind(ManifestHead).count()), "{asked}");
            assert!([3, 6].contains(&asked.kind(BlobHead).count()), "{asked}");
        } else {
            asked.assert(&[(ManifestHead, 3), (Tags, 1), (BlobHead, 3), (ManifestPut, 2)]);
        }
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_per_host_and_scopes_and_nothing_is_pinged() {
    let pair = Pair::tokens();
    for name in ["a", "b"] {
        for tag in 0..10 {
            let sample = layered(&format!("{name}{tag}"), &["shared", name]);
            pair.source.store().push(name, &format!("1.0.{tag}"), &sample);
        }
    }
    pair.mirrors(&["a", "b"]);
    pair.sync_well().await;

    let scopes = |log: &Log| {
        let mut scopes: Vec<String> = log
            .kind(Token)
            .entries()
            .iter()
            .map(|entry| {
                let url = url::Url::parse(&format!("http://r{}", entry.target)).unwrap();
                let pairs = url.query_pairs().filter(|(key, _)| key == "scope");
                let mut scopes: Vec<_> = pairs.map(|(_, value)| value.into_owned()).collect();
                scopes.sort();
                scopes.join(" ")
            })
            .collect();
        scopes.sort();
        scopes
    };
    let (source, destination) = (pair.source.log(), pair.destination.log());
    assert_eq!(scopes(&source), ["repository:a:pull", "repository:b:pull"], "{source}");
    let scopes = scopes(&destination);
    // The shared layer is mounted one way: whichever repository had it first.
    let mounts: Vec<_> = scopes.iter().filter(|scope| scope.contains(' ')).collect();
    assert_eq!((scopes.len(), mounts.len()), (3, 1), "{scopes:?}");
    for own in ["repository:a:pull,push", "repository:b:pull,push"] {
        assert!(scopes.iter().any(|scope| scope == own), "{scopes:?}");
    }
    for log in [source, destination] {
        assert_eq!(log.kind(Ping).count(), 0);
        // The first request of all is the one that learns what is asked for.
        assert_eq!(log.only(|entry| entry.status == Some(401)).count(), 1, "{log}");
    }
}
