//! One of everything, with every field set.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mirror_model::{
    Attached, BlobOutcome, Chart, Entry, EntryIndex, EntrySource, Event, Failure, FailureKind,
    FirstLook, Identity, Job, JobId, Limits, Naming, Outcome, Pin, Policy, ReferrerRow, Row, RunId,
    RunOptions, Seen, SkipReason, Source, Stage, Status, Verification, VerifyPolicy, Warning,
};
use mirror_oci::{Descriptor, Digest, MediaType, Place, TagRef};
use mirror_proto::{
    AttemptRef, Intent, JobHash, PlanItem, PlanPart, PlannedPart, Record, Submitted, SubmittedRun,
    Work,
};
use mirror_selector::{Pattern, RegexSpec, Selector, SelectorSpec, SortBy};

pub(crate) const RUN: RunId = RunId(0x0192_a3b4_c5d6_e7f8_0910_1112_1314_1516);

pub(crate) fn place(text: &str) -> Place {
    Place::Registry(text.parse().unwrap())
}

pub(crate) fn tag_ref(place_text: &str, tag: &str) -> TagRef {
    TagRef { place: place(place_text), tag: tag.parse().unwrap() }
}

pub(crate) fn job_id() -> JobId {
    JobId { entry: EntryIndex(3), row: 7 }
}

pub(crate) fn pin() -> Pin {
    let media_type = MediaType::parse(MediaType::OCI_INDEX);
    Pin { digest: Digest::of(b"root"), media_type }
}

pub(crate) fn limits() -> Limits {
    let [attempts, blobs] = [4, 8].map(|number| NonZeroU32::new(number).unwrap());
    Limits { attempts, timeout: Duration::from_secs(300), blobs }
}

pub(crate) fn job() -> Job {
    Job {
        id: job_id(),
        run: RUN,
        seen: Seen::Present(Digest::Sha512([9; 64])),
        source: Source::Artifact { place: place("ghcr.io/fluxcd/flux"), root: pin() },
        destination: tag_ref("localhost:5000/mirror/flux", "v2.7.0"),
        referrers: Vec::new(),
        policy: Policy { overwrite: true, dry_run: true },
        limits: limits(),
    }
}

/// A signature of the root, its own signature, an SBOM of a child, and two old tags: of everything that
/// may be attached one, seen in every way.
pub(crate) fn attached() -> Vec<Attached> {
    let [root, child, bundle] = [pin().digest, Digest::of(b"child"), Digest::of(b"bundle")];
    let attached = |subject: Digest, content: &str, artifact_type: Option<&str>, name: &str| {
        let media_type = MediaType::parse(MediaType::OCI_MANIFEST).unwrap();
        let digest = Digest::of(content.as_bytes());
        let artifact_type = artifact_type.map(str::to_owned);
        let descriptor = Descriptor { media_type, digest, size: 700, artifact_type };
        let name = (!name.is_empty()).then(|| name.parse().unwrap());
        Attached { subject, descriptor, name, listed: false, seen: Seen::Unknown }
    };
    let signature = Some("application/vnd.example.signature");
    let old = format!("{}.sig", root.fallback_tag());
    let mut attached = vec![
        attached(root, "bundle", signature, ""),
        attached(child, "sbom", Some("application/spdx+json"), ""),
        attached(bundle, "countersignature", signature, ""),
        attached(root, "old signature", None, &old),
        attached(root, "elsewhere", None, "latest.att"),
    ];
    attached[3].descriptor.size = 0;
    attached
}

pub(crate) fn job_with_referrers() -> Job {
    let mut job = Job { referrers: attached(), ..job() };
    job.looked(&look());
    job
}

/// What was seen first of that job.
pub(crate) fn look() -> FirstLook {
    let own = |index: usize| Seen::Present(attached()[index].descriptor.digest);
    let other = Seen::Present(Digest::of(b"older signature"));
    let seen = [own(0), own(1), Seen::Absent, other, Seen::Unknown];
    let sights = seen.into_iter().zip([true, false, false, true, false]);
    let referrers = sights.map(|(seen, listed)| mirror_model::Sight { seen, listed }).collect();
    FirstLook { seen: job().seen, referrers }
}

pub(crate) fn failure() -> Failure {
    Failure::text(Stage::Copy, FailureKind::RateLimited, "ghcr.io answered 429")
}

pub(crate) fn verification() -> Verification {
    Verification {
        provider: "cosign".to_owned(),
        issuer: Some("https://token.actions.example.com".to_owned()),
        identity: Some("https://example.com/release.yaml".to_owned()),
        integrated_time: Some(1_760_000_000),
        age: Some(Duration::from_secs(60)),
        min_age: Some(Duration::from_secs(3600)),
    }
}

pub(crate) fn referrer() -> ReferrerRow {
    ReferrerRow {
        digest: Digest::of(b"signature"),
        artifact_type: Some("application/vnd.example.signature".to_owned()),
        name: None,
        status: Status::Failed(failure()),
    }
}

/// Rows of two signatures and of an old tag.
pub(crate) fn referrers() -> Vec<ReferrerRow> {
    let old = ReferrerRow {
        digest: Digest::of(b"old signature"),
        artifact_type: None,
        name: Some(format!("{}.sig", pin().digest.fallback_tag()).parse().unwrap()),
        status: Status::Drifted,
    };
    let copied = ReferrerRow { status: Status::Copied, ..referrer() };
    vec![copied, referrer(), old]
}

pub(crate) fn outcome() -> Outcome {
    Outcome {
        job: job_id(),
        attempts: 2,
        elapsed: Duration::from_millis(1500),
        bytes: 12_345,
        status: Status::Copied,
        digest: Some(Digest::of(b"root")),
        referrers: referrers(),
    }
}

pub(crate) fn attempt() -> AttemptRef {
    AttemptRef { run: RUN, job: job_id(), attempt: 42, hash: JobHash([5; 32]) }
}

pub(crate) fn entry() -> Entry {
    let spec = SelectorSpec {
        regex: Some(RegexSpec {
            pattern: r"^v(?P<version>\d.*)$".to_owned(),
            extract: Some("$version".to_owned()),
        }),
        semver: Some(">=2.0.0".to_owned()),
        sort_by: SortBy::Semver,
        limit: 5,
    };
    let identity = Identity {
        issuer: "https://token.actions.example.com".to_owned(),
        subject: Pattern::compile(r"^https://example\.com/.*$").unwrap(),
    };
    let verify = VerifyPolicy { min_age: Duration::from_secs(86_400), identities: vec![identity] };
    Entry {
        source_name: "ghcr.io/fluxcd/flux".to_owned(),
        destination_name: "localhost:5000/mirror/flux".to_owned(),
        source: EntrySource::Artifact {
            place: place("ghcr.io/fluxcd/flux"),
            referrers: true,
            verify: Some(verify),
        },
        destination: place("localhost:5000/mirror/flux"),
        selector: Selector::compile(spec).unwrap(),
        overwrite: true,
    }
}

pub(crate) fn chart_entry() -> Entry {
    let chart = Chart {
        repository: "https://charts.example.com/stable".to_owned(),
        name: "app".to_owned(),
    };
    Entry {
        source_name: "https://charts.example.com/stable/app".to_owned(),
        source: EntrySource::Chart(chart),
        selector: Selector::compile(SelectorSpec::default()).unwrap(),
        overwrite: false,
        ..entry()
    }
}

pub(crate) fn run() -> SubmittedRun {
    let concurrency = NonZeroUsize::new(8).unwrap();
    SubmittedRun {
        entries: vec![entry(), chart_entry()],
        options: RunOptions { overwrite: true, dry_run: true, concurrency, limits: limits() },
        jobs: Some(concurrency),
        key: "nightly-42".to_owned(),
    }
}

pub(crate) fn part() -> PlanPart {
    let row = Row {
        tag: "1.0.0+a".to_owned(),
        status: Status::Skipped(SkipReason::SignatureTooNew),
        digest: Some(Digest::of(b"young")),
        referrers: vec![referrer()],
        verification: Some(verification()),
    };
    let copy = |id: &str, tag: &str, referrers| PlanItem {
        id: id.to_owned(),
        verification: Some(verification()),
        work: Work::Copy { root: pin(), tag: tag.parse().unwrap(), referrers },
    };
    let settled = PlanItem {
        id: row.tag.clone(),
        verification: row.verification.clone(),
        work: Work::Settled(row),
    };
    let (bare, laden) = (Vec::new(), attached());
    let items = vec![copy("v2.7.0", "v2.7.0", bare), copy("1.1.0+b", "1.1.0_b", laden), settled];
    PlanPart {
        entry: EntryIndex(3),
        items: Ok(PlannedPart { first: 10, total: 20, items }),
        warnings: vec!["no tag was passed over".to_owned()],
    }
}

pub(crate) fn records() -> Vec<Record> {
    let submitted =
        Submitted { run: run(), body_hash: [7; 32], owner: "system".to_owned(), at: 1_760_000_000 };
    let intent = Intent {
        job: job_id(),
        name: tag_ref("localhost:5000/mirror/flux", "v2.7.0"),
        seen: Seen::Absent,
        attempt: 42,
        naming: Naming::Value,
    };
    let set = Intent {
        name: tag_ref("localhost:5000/mirror/flux", pin().digest.fallback_tag().as_str()),
        naming: Naming::Set,
        ..intent.clone()
    };
    let bare = FirstLook { seen: Seen::Unknown, referrers: Vec::new() };
    let failed = PlanPart { items: Err(failure()), ..part() };
    let advertise = "https://coordinator-0.example.com".to_owned();
    vec![
        Record::Submitted(Box::new(submitted)),
        Record::Planned(part()),
        Record::Planned(failed),
        Record::Seen { job: job_id(), look: bare },
        Record::Intent(Box::new(intent)),
        Record::Row(Box::new(outcome())),
        Record::Lost(job_id()),
        Record::Cancelled,
        Record::Ended { at: 1_760_000_100 },
        Record::Origin,
        Record::Term { term: 3, advertise: advertise.clone() },
        Record::Beat { term: 3, advertise },
        Record::Resigned { term: 3 },
        Record::Seen { job: job_id(), look: look() },
        Record::Intent(Box::new(set)),
    ]
}

/// Every event that travels.
pub(crate) fn events() -> Vec<Event> {
    let (job, source) = (job_id(), "ghcr.io/fluxcd/flux:v2.7.0".to_owned());
    let destination = "localhost:5000/mirror/flux:v2.7.0".to_owned();
    let digest = Digest::of(b"blob");
    let delay = Duration::from_secs(2);
    let host = "ghcr.io".to_owned();
    let (message, realm) = ("be gone".to_owned(), "https://auth.example.com".to_owned());
    vec![
        Event::JobStarted { job, source: source.clone(), destination },
        Event::JobSized { job, bytes: 1000 },
        Event::BytesSent { job, bytes: 500 },
        Event::BlobSettled { job, digest, how: BlobOutcome::Mounted },
        Event::ManifestPushed { job, digest, media_type: pin().media_type.unwrap() },
        Event::JobRetrying { job, source, attempt: 1, delay, failure: failure() },
        Event::Warning(Warning::Registry { host: host.clone(), message }),
        Event::Warning(Warning::TokenRealm { host, realm }),
        Event::FallbackTag { job, tag: pin().digest.fallback_tag(), updated: true },
    ]
}
