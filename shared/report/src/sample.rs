//! A report that holds every status, and a run's events that lead to it, for the tests.

use std::time::Duration;

use jiff::{Timestamp, Zoned, civil::date, tz::TimeZone};
use mirror_model::{
    BlobOutcome, EntryIndex, EntryReport, Event, Failure, FailureKind, JobId, PlanNote,
    ReferrerRow, Report, Row, SkipReason, Stage, Status, Verification, Warning,
};
use mirror_oci::{Digest, MediaType};

use crate::document::{ReportMeta, ReportVersion};

/// When and how long the sample ran.
pub(crate) fn meta() -> ReportMeta<'static> {
    ReportMeta {
        version: "v0.1.0",
        api: ReportVersion::V1Beta1,
        started: "2026-05-13T09:00:00.987Z".parse::<Timestamp>().unwrap(),
        duration: Duration::from_micros(4_213_400),
    }
}

/// The clock of the sample's log.
pub(crate) fn now() -> Zoned {
    date(2026, 5, 13).at(9, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap()
}

/// A digest that is easy to recognise.
pub(crate) fn digest(fill: u8) -> Digest {
    Digest::Sha256([fill; 32])
}

/// A row without extras.
pub(crate) fn row(tag: &str, status: Status) -> Row {
    Row {
        tag: tag.to_owned(),
        status,
        digest: Some(digest(0xab)),
        referrers: Vec::new(),
        verification: None,
    }
}

fn rejected() -> Failure {
    let message = "copy blob: localhost:5050 answered 400\u{1b}[31m: yes, \"no\"\u{202e}";
    Failure::text(Stage::Copy, FailureKind::Rejected, message)
}

fn too_new() -> Row {
    Row {
        verification: Some(Verification {
            provider: "cosign".to_owned(),
            issuer: Some("https://token.actions.githubusercontent.com".to_owned()),
            identity: Some("https://github.com/a/b/.github/workflows/r.yml@refs/tags/2".to_owned()),
            integrated_time: Some(1_780_606_742),
            age: Some(Duration::from_secs(169_991)),
            min_age: Some(Duration::from_secs(172_800)),
        }),
        ..row("2.0.0", Status::Skipped(SkipReason::SignatureTooNew))
    }
}

fn with_referrers() -> Row {
    let referrer = |fill, artifact_type: Option<&str>, status| ReferrerRow {
        digest: digest(fill),
        artifact_type: artifact_type.map(str::to_owned),
        name: None,
        status,
    };
    let up_to_date = Status::Skipped(SkipReason::UpToDate);
    Row {
        referrers: vec![
            referrer(1, Some("application/vnd.dev.sigstore.bundle.v0.3+json"), Status::Copied),
            referrer(2, None, up_to_date),
        ],
        ..row("1.0", Status::Copied)
    }
}

/// The sample: every status, a chart, a plan that failed, an entry that selected nothing.
pub(crate) fn report() -> Report {
    let entry = |source: &str, destination: &str, rows| EntryReport {
        source: source.to_owned(),
        destination: destination.to_owned(),
        rows,
    };
    let no_name = Failure::text(Stage::List, FailureKind::NotFound, "NAME_UNKNOWN");
    Report {
        entries: vec![
            entry(
                "ghcr.io/foo/bar",
                "localhost:5050/bar",
                Ok(vec![
                    too_new(),
                    with_referrers(),
                    row("0.9", Status::Overwritten),
                    row("0.8", Status::Skipped(SkipReason::UpToDate)),
                    row("no", Status::Drifted),
                    row("0.6", Status::WouldCopy),
                    row("0.5", Status::WouldOverwrite),
                    Row { digest: None, ..row("0.4", Status::Failed(rejected())) },
                ]),
            ),
            entry(
                "https://charts.example/podinfo",
                "localhost:5050/charts/podinfo",
                Ok(vec![row("6.0.0+build.1", Status::Copied)]),
            ),
            entry("ghcr.io/foo/gone", "localhost:5050/gone", Err(no_name)),
            entry("ghcr.io/foo/none", "localhost:5050/none", Ok(Vec::new())),
        ],
    }
}

/// The events of the run that the sample reports.
pub(crate) fn events() -> Vec<Event> {
    let mut events = vec![started("ghcr.io/foo/bar:1.0", "localhost:5050/bar:1.0")];
    let job = JobId { entry: EntryIndex(0), row: 1 };
    let sent = |how| Event::BlobSettled { job, digest: digest(7), how };
    events.extend([
        Event::JobSized { job, bytes: 4096 },
        Event::BytesSent { job, bytes: 4096 },
        sent(BlobOutcome::Pushed),
        sent(BlobOutcome::Existing),
        sent(BlobOutcome::Mounted),
        Event::JobRetrying {
            job,
            source: "ghcr.io/foo/bar:1.0".to_owned(),
            attempt: 1,
            delay: Duration::from_millis(1500),
            failure: rejected(),
        },
        Event::ManifestPushed {
            job,
            digest: digest(8),
            media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        },
        Event::FallbackTag { job, tag: digest(9).fallback_tag(), updated: true },
        Event::FallbackTag { job, tag: digest(9).fallback_tag(), updated: false },
    ]);
    events.extend(warnings());
    events.extend(notes());
    for (index, entry) in report().entries.into_iter().enumerate() {
        let index = EntryIndex(index);
        match entry.rows {
            Ok(rows) => {
                events.push(Event::EntryPlanned { entry: index, rows: rows.len() });
                let rows = rows.into_iter().enumerate();
                events.extend(rows.map(|(number, row)| Event::RowSettled {
                    entry: index,
                    job: JobId { entry: index, row: number },
                    source: entry.source.clone(),
                    destination: entry.destination.clone(),
                    tag: row.tag.replace('+', "_"),
                    row: Box::new(row),
                    elapsed: Duration::from_micros(812_300),
                }));
            }
            Err(failure) => {
                events.push(Event::EntryFailed { entry: index, source: entry.source, failure });
            }
        }
    }
    events
}

/// The first event of a job that copies.
pub(crate) fn started(source: &str, destination: &str) -> Event {
    Event::JobStarted {
        job: JobId { entry: EntryIndex(0), row: 1 },
        source: source.to_owned(),
        destination: destination.to_owned(),
    }
}

/// What the plans of a chart and of an image have for the log.
fn notes() -> [Event; 5] {
    let noted = |note| Event::PlanNoted {
        entry: EntryIndex(1),
        source: "https://charts.example/podinfo".to_owned(),
        note,
    };
    let (version, reason) = ("5.0.0".to_owned(), "semver");
    let passed_over = |version| PlanNote::PassedOver { version, reason: "its version is none" };
    [
        noted(PlanNote::Excluded { version, reason }),
        noted(passed_over(Some("nightly".to_owned()))),
        noted(passed_over(None)),
        noted(PlanNote::More(70)),
        Event::PlanNoted {
            entry: EntryIndex(0),
            source: "ghcr.io/foo/bar".to_owned(),
            note: PlanNote::Stopped { tag: "0.7.0".to_owned(), left: 3 },
        },
    ]
}

fn warnings() -> [Event; 4] {
    let host = || "ghcr.io".to_owned();
    let registry = || {
        Event::Warning(Warning::Registry { host: host(), message: "goes away in May".to_owned() })
    };
    let realm = "https://auth.example/token".to_owned();
    [
        registry(),
        registry(),
        Event::Warning(Warning::TokenRealm { host: host(), realm }),
        Event::Warning(Warning::Entry {
            entry: EntryIndex(3),
            source: "ghcr.io/foo/none".to_owned(),
            message: "no tag is selected".to_owned(),
        }),
    ]
}
