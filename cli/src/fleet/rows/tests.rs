//! Parts and rows in any order, more than once, across resets, and of a run that was cancelled.

use std::collections::BTreeSet;

use mirror_model::ReferrerRow;
use mirror_oci::Digest;

use super::*;

fn names(entries: usize) -> Vec<EntryNames> {
    let name = |entry: usize| EntryNames {
        source: format!("s.example/{entry}"),
        destination: format!("d.example/{entry}"),
    };
    (0..entries).map(name).collect()
}

fn plan(entry: usize, rows: Result<WatchedRows, Failure>) -> WatchedPlan {
    let EntryNames { source, destination } = names(entry + 1).remove(entry);
    WatchedPlan { entry: EntryIndex(entry), source, destination, rows, warnings: Vec::new() }
}

fn part(entry: usize, first: usize, total: usize, ids: &[&str]) -> WatchedPlan {
    let rows = ids.iter().map(|id| ((*id).to_owned(), None)).collect();
    plan(entry, Ok(WatchedRows { first, total, rows }))
}

fn outcome(entry: usize, row: usize, status: Status) -> Outcome {
    let mut outcome = Outcome::idle(JobId { entry: EntryIndex(entry), row }, status, None);
    outcome.digest = Some(Digest::of(b"content"));
    outcome
}

/// What an event says, in a word.
fn word(event: &Event) -> String {
    match event {
        Event::EntryPlanned { entry, rows } => format!("{} has {rows}", entry.0),
        Event::EntryFailed { entry, failure, .. } => format!("{} failed: {failure}", entry.0),
        Event::RowSettled { source, destination, tag, row, .. } => {
            format!("{source}:{} {} {destination}:{tag}", row.tag, row.status.as_str())
        }
        Event::Warning(_) => "warning".to_owned(),
        Event::JobStarted { .. }
        | Event::JobSized { .. }
        | Event::BytesSent { .. }
        | Event::BlobSettled { .. }
        | Event::ManifestPushed { .. }
        | Event::FallbackTag { .. }
        | Event::JobRetrying { .. } => panic!("{event:?} is not of rows"),
    }
}

fn words<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<String> {
    events.into_iter().map(word).collect()
}

/// The report as `tag status` of each row, entries set off by bars.
fn shown(report: &Report) -> String {
    let entries = report.entries.iter().map(|entry| match &entry.rows {
        Ok(rows) => {
            let rows = rows.iter().map(|row| format!("{} {}", row.tag, row.status.as_str()));
            rows.collect::<Vec<_>>().join(", ")
        }
        Err(failure) => failure.message.clone(),
    });
    entries.collect::<Vec<_>>().join(" | ")
}

#[test]
fn rows_come_in_any_order_and_the_report_is_in_plan_order() {
    let mut rows = Rows::new(names(2));
    let early = rows.ended(outcome(0, 2, Status::Copied)).unwrap();
    assert!(early.is_none(), "it has no name yet");
    let events = rows.planned(part(0, 2, 3, &["c"])).unwrap();
    assert_eq!(words(&events), ["0 has 3", "s.example/0:c copied d.example/0:c"]);
    let events = rows.planned(part(0, 0, 3, &["a", "b+1"])).unwrap();
    assert!(events.is_empty(), "the entry was told before");
    let event = rows.ended(outcome(0, 1, Status::Drifted)).unwrap();
    assert_eq!(words(&event), ["s.example/0:b+1 drifted d.example/0:b_1"]);
    rows.planned(plan(1, Err(Failure::cancelled()))).unwrap();
    rows.ended(outcome(0, 0, Status::Overwritten)).unwrap();
    let (events, report) = rows.close();
    assert!(events.is_empty());
    assert_eq!(shown(&report), "a overwritten, b+1 drifted, c copied | cancelled");
    assert_eq!(report.entries[0].rows.as_ref().unwrap()[0].digest, Some(Digest::of(b"content")));
}

#[test]
fn the_first_row_counts_and_nothing_is_told_twice() {
    let mut rows = Rows::new(names(1));
    assert_eq!(rows.planned(part(0, 0, 1, &["a"])).unwrap().len(), 1);
    assert!(rows.ended(outcome(0, 0, Status::Copied)).unwrap().is_some());
    assert!(rows.ended(outcome(0, 0, Status::Drifted)).unwrap().is_none());
    assert!(rows.planned(part(0, 0, 1, &["z"])).unwrap().is_empty());
    assert!(rows.planned(plan(0, Err(Failure::cancelled()))).unwrap().is_empty());
    let (events, report) = rows.close();
    assert!(events.is_empty());
    assert_eq!(shown(&report), "a copied");
}

#[test]
fn the_first_of_two_rows_without_a_plan_counts() {
    let mut rows = Rows::new(names(1));
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    rows.ended(outcome(0, 0, Status::Drifted)).unwrap();
    rows.planned(part(0, 0, 1, &["a"])).unwrap();
    assert_eq!(shown(&rows.close().1), "a copied");
}

#[test]
fn a_reset_drops_the_rows_and_only_what_is_new_is_told() {
    let mut rows = Rows::new(names(2));
    rows.planned(part(0, 0, 2, &["a", "b"])).unwrap();
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    rows.ended(outcome(0, 1, Status::Copied)).unwrap();
    rows.planned(plan(1, Err(Failure::cancelled()))).unwrap();
    // Twice in a row: what was told before the first is told before the second, too.
    rows.reset();
    rows.reset();
    assert!(rows.planned(part(0, 0, 2, &["a", "b"])).unwrap().is_empty());
    assert!(rows.planned(plan(1, Err(Failure::cancelled()))).unwrap().is_empty());
    assert!(rows.ended(outcome(0, 0, Status::Copied)).unwrap().is_none());
    let skipped = Status::Skipped(mirror_model::SkipReason::UpToDate);
    let told = rows.ended(outcome(0, 1, skipped)).unwrap();
    assert_eq!(words(&told), ["s.example/0:b skipped d.example/0:b"]);
    assert_eq!(shown(&rows.close().1), "a copied, b skipped | cancelled");
}

#[test]
fn after_a_reset_nothing_is_left_of_what_was() {
    let mut rows = Rows::new(names(1));
    rows.planned(part(0, 0, 2, &["a", "b"])).unwrap();
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    rows.reset();
    let events = rows.planned(part(0, 0, 1, &["c"])).unwrap();
    assert_eq!(words(&events), ["0 has 1"]);
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    assert_eq!(shown(&rows.close().1), "c copied");
}

#[test]
fn a_plan_that_was_cut_short_begins_anew_with_another_first_part() {
    let mut rows = Rows::new(names(1));
    assert_eq!(words(&rows.planned(part(0, 0, 3, &["a", "b"])).unwrap()), ["0 has 3"]);
    let told = rows.ended(outcome(0, 0, Status::Drifted)).unwrap();
    assert_eq!(words(&told), ["s.example/0:a drifted d.example/0:a"]);
    // `b` is gone from the source by the time that the next leader plans.
    assert_eq!(words(&rows.planned(part(0, 0, 2, &["a"])).unwrap()), ["0 has 2"]);
    assert!(rows.ended(outcome(0, 0, Status::Drifted)).unwrap().is_none(), "it was told before");
    assert!(rows.planned(part(0, 1, 2, &["c"])).unwrap().is_empty());
    rows.ended(outcome(0, 1, Status::Copied)).unwrap();
    // It is whole: nothing begins anew.
    assert!(rows.planned(part(0, 0, 1, &["z"])).unwrap().is_empty());
    assert_eq!(shown(&rows.close().1), "a drifted, c copied");
}

#[test]
fn a_plan_that_was_cut_short_may_fail_the_second_time() {
    let mut rows = Rows::new(names(1));
    rows.planned(part(0, 0, 2, &["a"])).unwrap();
    let told = rows.planned(plan(0, Err(Failure::cancelled()))).unwrap();
    assert_eq!(words(&told), ["0 failed: cancelled"]);
    assert_eq!(shown(&rows.close().1), "cancelled");
}

#[test]
fn what_a_cancelled_run_never_came_to_is_reported_and_told() {
    let mut rows = Rows::new(names(3));
    rows.planned(part(0, 0, 3, &["a", "b"])).unwrap();
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    rows.planned(part(2, 0, 0, &[])).unwrap();
    let (events, report) = rows.close();
    let expected = ["s.example/0:b failed d.example/0:b", "1 failed: cancelled"];
    assert_eq!(words(&events), expected);
    // The third row of the first entry has no name to be reported by.
    assert_eq!(shown(&report), "a copied, b failed | cancelled | ");
    assert_eq!(report.entries[1].source, "s.example/1");
}

#[test]
fn an_entry_that_the_run_does_not_have_is_refused() {
    let mut rows = Rows::new(names(1));
    assert!(rows.planned(part(1, 0, 1, &["a"])).is_err());
    assert!(rows.ended(outcome(7, 0, Status::Copied)).is_err());
}

#[test]
fn what_happens_to_a_settled_job_is_no_news() {
    let mut rows = Rows::new(names(1));
    rows.planned(part(0, 0, 2, &["a", "b"])).unwrap();
    rows.ended(outcome(0, 0, Status::Copied)).unwrap();
    let sent = |row| Event::BytesSent { job: JobId { entry: EntryIndex(0), row }, bytes: 1 };
    assert!(!rows.wants(&sent(0)));
    assert!(rows.wants(&sent(1)));
    assert!(!rows.wants(&Event::EntryPlanned { entry: EntryIndex(0), rows: 1 }));
}

#[test]
fn what_is_attached_comes_with_its_row() {
    let mut rows = Rows::new(names(1));
    rows.planned(part(0, 0, 1, &["a"])).unwrap();
    let row = |name: Option<&str>, status| ReferrerRow {
        digest: Digest::of(b"attached"),
        artifact_type: Some("application/spdx+json".to_owned()),
        name: name.map(|name| name.parse().unwrap()),
        status,
    };
    let referrers = vec![row(None, Status::Copied), row(Some("sha256-ab.sig"), Status::Drifted)];
    let outcome = Outcome { referrers: referrers.clone(), ..outcome(0, 0, Status::Copied) };
    let told = rows.ended(outcome).unwrap();
    let Some(Event::RowSettled { row, .. }) = told else { panic!("{told:?}") };
    assert_eq!(row.referrers, referrers);
    let (_, report) = rows.close();
    assert_eq!(report.entries[0].rows.as_ref().unwrap()[0].referrers, referrers);
    assert_eq!((report.summary().copied, report.summary().drifted), (1, 0));
}

#[test]
fn warnings_come_with_the_entry() {
    let mut rows = Rows::new(names(1));
    let warned = WatchedPlan { warnings: vec!["no tag".to_owned()], ..part(0, 0, 0, &[]) };
    let events = rows.planned(warned).unwrap();
    assert_eq!(words(&events), ["warning", "0 has 0"]);
}

/// Whatever order a run's messages come in, the report is the same.
#[test]
fn every_order_gives_the_same_report() {
    let messages = 5;
    let mut orders = vec![Vec::new()];
    for _ in 0..messages {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            let left = (0..messages).filter(|next| !order.contains(next));
            left.map(|next| [order.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        });
        orders = longer.collect();
    }
    let mut reports = BTreeSet::new();
    for order in orders {
        let mut rows = Rows::new(names(1));
        for message in order {
            match message {
                0 => drop(rows.planned(part(0, 0, 3, &["a", "b"])).unwrap()),
                1 => drop(rows.planned(part(0, 2, 3, &["c"])).unwrap()),
                row => drop(rows.ended(outcome(0, row - 2, Status::Copied)).unwrap()),
            }
        }
        reports.insert(shown(&rows.close().1));
    }
    assert_eq!(reports, BTreeSet::from(["a copied, b copied, c copied".to_owned()]));
}
