//! Tests that are about one mode, with the reason; all others are done in both.
//!
//! A test that is neither made by `both_modes!` nor in the table fails the check below, and so does a
//! line of the table that no test needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Nothing is mirrored, or by the library alone, or by others.
const NO_RUN: &str = "is about no run of sync";
const LIBRARY: &str = "drives the library, where the program has no flag for what is tried";
/// In a fleet these belong to the coordinator and the workers, whose environment all tests share.
const HOSTS: &str =
    "needs hosts of the config: credentials, chunks; a fleet's processes have their own";
const IDENTITY: &str = "is about the credentials, certificates or proxies of a process";
const TRUST: &str = "needs a trusted root of its own; the fleet's coordinator has one for all";
const LAYOUT: &str = "mirrors a layout, which a fleet refuses";
/// Which worker gets a job is not determined; each has its own window of requests.
const SHARED: &str = "counts what jobs share within one process: blobs, tokens, requests at once";
/// The first request to a registry goes alone, until it is answered; in process, planning has made it.
const FIRST: &str =
    "holds what would be a worker's first request to the registry, and so all others";
const PROCESS: &str = "is about the process itself: its flags, streams, terminal, log, signals";
const FLEET: &str = "is about the fleet itself";

/// Folders (`name/`), files, and single tests (`file test`), each with the reason.
const ONE_MODE: [(&str, &str); 86] = [
    ("auth/", IDENTITY),
    ("charts/access.rs", IDENTITY),
    ("charts/example.rs", LAYOUT),
    ("charts/helm.rs repositories_that_helm_has_added_are_mirrored", IDENTITY),
    ("charts/sources.rs a_layout_is_written_and_told_unchanged", LAYOUT),
    ("cli/", PROCESS),
    ("control/", FLEET),
    ("deploy/", FLEET),
    ("examples.rs", NO_RUN),
    ("examples/", NO_RUN),
    (
        "faults/attempts.rs a_child_that_an_earlier_tag_had_put_is_sent_again_where_it_is_lost",
        FIRST,
    ),
    (
        "faults/cancelling.rs a_run_killed_at_any_moment_leaves_no_tag_wrong_and_the_next_completes_it",
        PROCESS,
    ),
    ("faults/cancelling.rs a_second_signal_ends_the_process_at_once", PROCESS),
    ("faults/deadlines.rs waiting_for_a_blob_that_another_job_sends_uses_no_budget", SHARED),
    (
        "faults/pauses.rs a_host_is_asked_sixteen_questions_at_once_at_first_and_sixty_four_at_most",
        SHARED,
    ),
    ("faults/pauses.rs a_host_that_says_429_is_asked_half_as_much_at_once", SHARED),
    ("faults/shares.rs a_blob_travels_once_to_each_registry_that_lacks_it", SHARED),
    ("faults/shares.rs where_who_sends_a_blob_fails_another_takes_over", SHARED),
    ("faults/shares.rs where_who_sends_a_blob_is_broken_off_another_takes_over", SHARED),
    (
        "faults/silence.rs a_body_that_stalls_ends_in_an_error_and_the_next_attempt_can_succeed",
        LIBRARY,
    ),
    (
        "faults/silence.rs a_destination_that_does_not_settle_an_upload_fails_the_job_at_its_deadline",
        LIBRARY,
    ),
    ("faults/silence.rs a_host_that_gives_no_answer_is_silent", LIBRARY),
    ("faults/silence.rs a_host_that_never_takes_a_connection_is_given_up", LIBRARY),
    ("faults/silence.rs a_trickle_is_no_transfer", LIBRARY),
    ("faults/silence.rs jobs_of_a_host_that_went_away_wait_for_it_within_their_budget", LIBRARY),
    ("faults/silence.rs many_tags_run_into_a_silent_host_together", LIBRARY),
    ("faults/tags.rs a_name_is_written_only_where_and_while_it_may_be", LIBRARY),
    ("faults/tags.rs a_panic_in_a_job_is_its_failed_row_and_no_other", LIBRARY),
    ("faults/tags.rs each_try_of_a_put_is_asked_for_anew", LIBRARY),
    ("faults/tags.rs what_somebody_else_brought_about_meanwhile_is_done", LIBRARY),
    ("faults/tags.rs what_somebody_else_put_meanwhile_is_left_alone", LIBRARY),
    ("fleet/", FLEET),
    (
        "habits/hosted.rs acr_a_body_that_is_too_large_goes_up_in_chunks_where_they_are_asked_for",
        HOSTS,
    ),
    ("habits/hosted.rs acr_one_repository_a_token_and_a_pause_before_the_manifest", HOSTS),
    ("habits/hosted.rs acr_who_refuses_a_token_for_two_repositories_gets_an_upload", HOSTS),
    ("habits/hosted.rs chainguard_each_set_of_scopes_has_a_token_of_its_own", HOSTS),
    ("habits/hosted.rs docker_hub_a_limit_that_is_not_json_is_waited_out_for_a_minute", IDENTITY),
    ("habits/hosted.rs docker_hub_a_mount_that_is_400_is_an_upload", SHARED),
    (
        "habits/hosted.rs ecr_a_patch_may_be_answered_201_and_a_manifest_need_not_say_its_digest",
        HOSTS,
    ),
    ("habits/hosted.rs ecr_public_the_range_of_a_chunk_is_not_believed", HOSTS),
    ("habits/own.rs a_location_on_another_host_is_followed_without_credentials", HOSTS),
    ("habits/own.rs gitlab_a_token_that_ends_before_the_commit_is_renewed", HOSTS),
    ("habits/own.rs gitlab_bytes_that_went_up_before_the_token_ended_are_kept", HOSTS),
    ("habits/own.rs harbor_a_cookie_is_never_sent_back", HOSTS),
    ("judges/", LAYOUT),
    ("layers.rs", NO_RUN),
    ("layouts/", LAYOUT),
    ("limits.rs a_body_that_is_slow_and_not_too_slow_is_read", LIBRARY),
    ("limits.rs a_trickle_that_never_ends_is_ended", LIBRARY),
    ("limits.rs silence_is_ended", LIBRARY),
    ("logins/", PROCESS),
    ("output/documents.rs the_log_has_a_line_for_everything_that_happens", PROCESS),
    ("output/documents.rs the_log_names_places_as_the_config_does", LAYOUT),
    ("output/streams.rs", PROCESS),
    ("output/terminal.rs", PROCESS),
    ("quickstart.rs", LAYOUT),
    ("quickstart/fleet.rs", FLEET),
    ("real.rs a_blob_of_64_mib_is_copied_whole_and_in_chunks", HOSTS),
    ("release/", NO_RUN),
    ("requests.rs a_blob_or_child_that_the_run_knows_in_the_repository_costs_nothing", SHARED),
    (
        "requests.rs a_blob_that_the_run_knows_elsewhere_in_the_registry_costs_a_post_that_mounts",
        SHARED,
    ),
    ("requests.rs a_tag_missing_by_a_list_alone_is_asked_for_directly_before_its_put", SHARED),
    ("requests.rs a_token_is_fetched_once_per_host_and_scopes_and_nothing_is_pinged", SHARED),
    ("scale.rs a_run_that_was_killed_leaves_nothing_wrong_and_the_next_completes_it", PROCESS),
    ("schemas.rs", NO_RUN),
    ("secret/", PROCESS),
    ("sigstore/identities.rs who_trusts_another_sigstore_refuses_what_this_one_has_signed", TRUST),
    ("sigstore/mirrored.rs a_layout_that_was_carried_without_its_signatures_is_refused", LAYOUT),
    ("sigstore/mirrored.rs a_signed_release_is_carried_over_an_air_gap", LAYOUT),
    ("sigstore/recorded.rs", NO_RUN),
    ("sigstore/signed.rs", NO_RUN),
    ("sigstore/trust.rs", TRUST),
    ("threats/addresses.rs", IDENTITY),
    ("threats/minted.rs", IDENTITY),
    ("threats/secrets.rs", IDENTITY),
    ("threats/strangers.rs a_challenge_of_a_foreign_location_is_not_met", HOSTS),
    ("threats/strangers.rs a_challenge_of_a_redirects_target_is_not_met", HOSTS),
    ("threats/strangers.rs a_redirect_within_the_registry_keeps_its_credentials", HOSTS),
    ("threats/strangers.rs who_was_sent_away_and_back_carries_no_credentials", HOSTS),
    ("transfers/mounts.rs", SHARED),
    ("transfers/settling.rs", LIBRARY),
    ("transfers/uploads.rs a_blob_of_exactly_one_chunk_is_not_cut", HOSTS),
    ("transfers/uploads.rs a_broken_chunk_goes_on_within_itself", HOSTS),
    ("transfers/uploads.rs a_chunk_is_never_smaller_than_the_registry_says", HOSTS),
    ("transfers/uploads.rs a_long_upload_outlives_its_tokens", HOSTS),
    ("transfers/uploads.rs max_chunk_size_sends_exact_ranges_and_follows_each_location", HOSTS),
];

/// The tests of a file that are done in one mode.
fn one_mode_tests(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[tokio::test") || line == "#[test]";
        let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
        if let Some(name) = name {
            if is_test {
                tests.push(name.split('(').next().unwrap_or(name).to_owned());
            }
            is_test = false;
        }
    }
    tests
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn a_test_is_done_in_both_modes_or_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/it");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 60, "{} files", files.len());
    let mut unused: BTreeSet<&str> = ONE_MODE.iter().map(|(place, _)| *place).collect();
    let mut without = Vec::new();
    for path in files {
        let name = path.strip_prefix(&root).expect("below the root").to_str().expect("ASCII");
        // What makes both modes is neither.
        if name == "modes.rs" || name.starts_with("modes/") {
            continue;
        }
        for test in one_mode_tests(&fs::read_to_string(&path).expect("a source is text")) {
            let exact = format!("{name} {test}");
            let covers = |place: &str| {
                place == name || place == exact || (place.ends_with('/') && name.starts_with(place))
            };
            let mut is_known = false;
            for (place, _) in ONE_MODE.iter().filter(|(place, _)| covers(place)) {
                is_known = true;
                unused.remove(place);
            }
            if !is_known {
                without.push(exact);
            }
        }
    }
    assert!(without.is_empty(), "in one mode without a reason:\n{}", without.join("\n"));
    assert!(unused.is_empty(), "reasons that no test needs: {unused:?}");
}

#[test]
fn tests_of_one_mode_are_found() {
    let text = "both_modes!(a);\nasync fn a() {}\n    #[tokio::test(flavor = \"x\")]\n    #[ignore]\n    \
                async fn b() {}\nfn helper() {}\n#[test]\nfn c() {}";
    assert_eq!(one_mode_tests(text), ["b", "c"]);
}
