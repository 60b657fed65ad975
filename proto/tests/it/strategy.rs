//! Anything that may travel.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mirror_model::{
    Attached, Chart, Entry, EntryIndex, EntrySource, Failure, FailureKind, FirstLook, Identity,
    Job, JobId, Limits, Naming, Outcome, Pin, Policy, ReferrerRow, Row, RunId, RunOptions, Seen,
    Sight, SkipReason, Source, Stage, Status, Verification, VerifyPolicy,
};
use mirror_oci::{Descriptor, Digest, MediaType, Place, Tag, TagRef};
use mirror_proto::{
    DEFAULT_CONCURRENCY, Intent, PlanItem, PlanPart, PlannedPart, Record, Submitted, SubmittedRun,
    Work,
};
use mirror_selector::{Pattern, RegexSpec, Selector, SelectorSpec, SortBy};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

fn text() -> impl Strategy<Value = String> {
    ".{0,40}"
}

fn name() -> impl Strategy<Value = String> {
    ".{1,40}"
}

fn time() -> impl Strategy<Value = Duration> {
    (1..=u64::MAX).prop_map(Duration::from_nanos)
}

fn digest() -> impl Strategy<Value = Digest> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(Digest::Sha256),
        vec(any::<u8>(), 64).prop_map(|bytes| Digest::Sha512(bytes.try_into().unwrap())),
    ]
}

fn pin() -> impl Strategy<Value = Pin> {
    let media_type = option::of(select(&MediaType::MANIFESTS));
    (digest(), media_type).prop_map(|(digest, media_type)| Pin {
        digest,
        media_type: media_type.and_then(MediaType::parse),
    })
}

fn place() -> impl Strategy<Value = Place> {
    "(docker\\.io|localhost:[1-9][0-9]{0,3}|[a-z]{1,9}\\.[a-z]{2})/[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,2}"
        .prop_map(|text| Place::Registry(text.parse().unwrap()))
}

fn tag() -> impl Strategy<Value = Tag> {
    "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}".prop_map(|text| text.parse().unwrap())
}

fn tag_ref() -> impl Strategy<Value = TagRef> {
    (place(), tag()).prop_map(|(place, tag)| TagRef { place, tag })
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![Just(Seen::Absent), Just(Seen::Unknown), digest().prop_map(Seen::Present)]
}

fn job_id() -> impl Strategy<Value = JobId> {
    (any::<u16>(), any::<u16>())
        .prop_map(|(entry, row)| JobId { entry: EntryIndex(entry.into()), row: row.into() })
}

fn limits() -> impl Strategy<Value = Limits> {
    (1..=u32::MAX, time(), 1..=u32::MAX).prop_map(|(attempts, timeout, blobs)| Limits {
        attempts: NonZeroU32::new(attempts).unwrap(),
        timeout,
        blobs: NonZeroU32::new(blobs).unwrap(),
    })
}

pub(crate) fn job() -> impl Strategy<Value = Job> {
    let policy = any::<(bool, bool)>();
    let referrers = vec((attached(), sight(), any::<bool>()), 0..5);
    let ends = (place(), pin(), tag_ref());
    (any::<u128>(), job_id(), seen(), ends, referrers, policy, limits()).prop_map(
        |(run, id, seen, ends, referrers, (overwrite, dry_run), limits)| {
            let (place, root, destination) = ends;
            let look = |(attached, Sight { seen, listed }, is_own): (Attached, Sight, bool)| {
                let own = Seen::Present(attached.descriptor.digest);
                Attached { seen: if is_own { own } else { seen }, listed, ..attached }
            };
            Job {
                id,
                run: RunId(run),
                seen,
                source: Source::Artifact { place, root },
                destination,
                referrers: referrers.into_iter().map(look).collect(),
                policy: Policy { overwrite, dry_run },
                limits,
            }
        },
    )
}

/// Something that nobody has looked at.
fn attached() -> impl Strategy<Value = Attached> {
    // Few subjects and types, so that tables have something to do.
    let subject = select(&[Digest::Sha256([1; 32]), Digest::Sha512([2; 64])]);
    let media_type = select(&MediaType::MANIFESTS);
    let artifact_type = option::of(select(&["", "application/spdx+json", "text/x"]));
    let name = prop_oneof![
        Just(None),
        tag().prop_map(|tag| Some(tag.to_string())),
        select(&[".sig", ".att", ".sbom"]).prop_map(|suffix| Some(suffix.to_owned())),
    ];
    (subject, media_type, digest(), any::<u64>(), artifact_type, name).prop_map(
        |(subject, media_type, digest, size, artifact_type, name)| {
            let descriptor = Descriptor {
                media_type: MediaType::parse(media_type).unwrap(),
                digest,
                size,
                artifact_type: artifact_type.map(str::to_owned),
            };
            let name = name.map(|name| match name.strip_prefix('.') {
                Some(suffix) => format!("{}.{suffix}", subject.fallback_tag()).parse().unwrap(),
                None => name.parse().unwrap(),
            });
            Attached { subject, descriptor, name, listed: false, seen: Seen::Unknown }
        },
    )
}

fn sight() -> impl Strategy<Value = Sight> {
    (seen(), any::<bool>()).prop_map(|(seen, listed)| Sight { seen, listed })
}

fn look() -> impl Strategy<Value = FirstLook> {
    let look = (seen(), vec(sight(), 0..5));
    look.prop_map(|(seen, referrers)| FirstLook { seen, referrers })
}

fn failure() -> impl Strategy<Value = Failure> {
    let stage = select(&[
        Stage::List,
        Stage::Resolve,
        Stage::Verify,
        Stage::Compare,
        Stage::Copy,
        Stage::Tag,
        Stage::Referrers,
        Stage::Run,
    ]);
    let kind = select(&[
        FailureKind::Unavailable,
        FailureKind::RateLimited,
        FailureKind::Refused,
        FailureKind::NotFound,
        FailureKind::Corrupt,
        FailureKind::Rejected,
        FailureKind::TimedOut,
        FailureKind::Unverified,
        FailureKind::TooLarge,
        FailureKind::Cancelled,
        FailureKind::Conflict,
        FailureKind::Internal,
    ]);
    (stage, kind, text()).prop_map(|(stage, kind, message)| Failure { stage, kind, message })
}

fn status() -> impl Strategy<Value = Status> {
    let settled = [
        Status::Copied,
        Status::Overwritten,
        Status::Skipped(SkipReason::UpToDate),
        Status::Skipped(SkipReason::SignatureTooNew),
        Status::Drifted,
        Status::WouldCopy,
        Status::WouldOverwrite,
    ];
    prop_oneof![select(settled.to_vec()), failure().prop_map(Status::Failed)]
}

fn referrers() -> impl Strategy<Value = Vec<ReferrerRow>> {
    let artifact_type = option::of(prop_oneof![text(), Just("text/x".to_owned())]);
    let row = (digest(), artifact_type, option::of(tag()), status());
    let row = row.prop_map(|(digest, artifact_type, name, status)| ReferrerRow {
        digest,
        artifact_type,
        name,
        status,
    });
    vec(row, 0..4)
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    let counts = (any::<u32>(), any::<u64>());
    (job_id(), counts, time(), status(), option::of(digest()), referrers()).prop_map(
        |(job, (attempts, bytes), elapsed, status, digest, referrers)| Outcome {
            job,
            attempts,
            elapsed,
            bytes,
            status,
            digest,
            referrers,
        },
    )
}

fn verification() -> impl Strategy<Value = Verification> {
    let texts = (text(), option::of(text()), option::of(text()));
    (texts, any::<Option<i64>>(), option::of(time()), option::of(time())).prop_map(
        |((provider, issuer, identity), integrated_time, age, min_age)| Verification {
            provider,
            issuer,
            identity,
            integrated_time,
            age,
            min_age,
        },
    )
}

pub(crate) fn item() -> impl Strategy<Value = PlanItem> {
    let copied = (name(), option::of(verification()), pin(), tag(), vec(attached(), 0..4));
    let copied = copied.prop_map(|(id, verification, root, tag, referrers)| PlanItem {
        id,
        verification,
        work: Work::Copy { root, tag, referrers },
    });
    let row = (name(), status(), option::of(digest()), referrers(), option::of(verification()));
    let settled = row.prop_map(|(tag, status, digest, referrers, verification)| PlanItem {
        id: tag.clone(),
        verification: verification.clone(),
        work: Work::Settled(Row { tag, status, digest, referrers, verification }),
    });
    prop_oneof![copied, settled]
}

pub(crate) fn part() -> impl Strategy<Value = PlanPart> {
    let planned = (vec(item(), 0..4), 0..1000_usize, 0..1000_usize);
    let planned = planned.prop_map(|(items, first, more)| PlannedPart {
        first,
        total: first + items.len() + more,
        items,
    });
    let items = prop_oneof![planned.prop_map(Ok), failure().prop_map(Err)];
    (any::<u16>(), items, vec(text(), 0..3)).prop_map(|(entry, items, warnings)| PlanPart {
        entry: EntryIndex(entry.into()),
        items,
        warnings,
    })
}

fn selector() -> impl Strategy<Value = Selector> {
    let pattern = select(&[r"^v(\d+)\.(\d+)$", r"(a)|\pL+", ""]);
    let regex = option::of((pattern, option::of(select(&["$0", "x"]))));
    let semver = option::of(select(&[">=1.2", "^3 || ~4.1", "*"]));
    (regex, semver, select(&SortBy::ALL), any::<u32>()).prop_map(
        |(regex, semver, sort_by, limit)| {
            let regex = regex.map(|(pattern, extract)| RegexSpec {
                pattern: pattern.to_owned(),
                extract: extract.map(str::to_owned),
            });
            let limit = usize::try_from(limit).unwrap();
            let semver = semver.map(str::to_owned);
            Selector::compile(SelectorSpec { regex, semver, sort_by, limit }).unwrap()
        },
    )
}

fn source() -> impl Strategy<Value = EntrySource> {
    let identity = (name(), select(&["a", "^https://.*$", "."]));
    let identity = identity.prop_map(|(issuer, subject)| Identity {
        issuer,
        subject: Pattern::compile(subject).unwrap(),
    });
    let verify = (time(), vec(identity, 1..3));
    let verify = verify.prop_map(|(min_age, identities)| VerifyPolicy { min_age, identities });
    let artifact = (place(), any::<bool>(), option::of(verify))
        .prop_map(|(place, referrers, verify)| EntrySource::Artifact { place, referrers, verify });
    let chart = ("https://[a-z]{1,9}\\.example\\.com/[a-z@]{0,9}", name());
    let chart = chart.prop_map(|(repository, name)| EntrySource::Chart(Chart { repository, name }));
    prop_oneof![artifact, chart]
}

fn entry() -> impl Strategy<Value = Entry> {
    (name(), name(), source(), place(), selector(), any::<bool>()).prop_map(
        |(source_name, destination_name, source, destination, selector, overwrite)| Entry {
            source_name,
            destination_name,
            source,
            destination,
            selector,
            overwrite,
        },
    )
}

pub(crate) fn run() -> impl Strategy<Value = SubmittedRun> {
    (vec(entry(), 0..3), any::<(bool, bool)>(), any::<u32>(), limits(), text()).prop_map(
        |(entries, (overwrite, dry_run), jobs, limits, key)| {
            let jobs = NonZeroUsize::new(usize::try_from(jobs % 3).unwrap());
            let concurrency = jobs.unwrap_or(DEFAULT_CONCURRENCY);
            let options = RunOptions { overwrite, dry_run, concurrency, limits };
            SubmittedRun { entries, options, jobs, key }
        },
    )
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let submitted = (run(), any::<[u8; 32]>(), text(), any::<i64>());
    let submitted = submitted.prop_map(|(run, body_hash, owner, at)| {
        Record::Submitted(Box::new(Submitted { run, body_hash, owner, at }))
    });
    let naming = select(&[Naming::Value, Naming::Set]);
    let intent = (job_id(), tag_ref(), seen(), any::<u64>(), naming);
    let intent = intent.prop_map(|(job, name, seen, attempt, naming)| {
        Record::Intent(Box::new(Intent { job, name, seen, attempt, naming }))
    });
    let lead = (any::<u64>(), text());
    let beat = (any::<u64>(), text());
    prop_oneof![
        submitted,
        part().prop_map(Record::Planned),
        (job_id(), look()).prop_map(|(job, look)| Record::Seen { job, look }),
        intent,
        outcome().prop_map(|outcome| Record::Row(Box::new(outcome))),
        job_id().prop_map(Record::Lost),
        Just(Record::Cancelled),
        any::<i64>().prop_map(|at| Record::Ended { at }),
        Just(Record::Origin),
        lead.prop_map(|(term, advertise)| Record::Term { term, advertise }),
        beat.prop_map(|(term, advertise)| Record::Beat { term, advertise }),
        any::<u64>().prop_map(|term| Record::Resigned { term }),
    ]
}
