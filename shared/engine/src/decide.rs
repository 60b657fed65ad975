//! Whether a tag may be written, and what its row says: the only place that decides it.

use mirror_model::{Attached, Job, Outcome, Policy, ReferrerRow, Seen, SkipReason, Status};
use mirror_oci::{Descriptor, Digest};

/// What to do about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Leave it; the row says this.
    Leave(Status),
    /// Write it; the row then says this.
    Write(Status),
}

/// Decides about a tag that should point at `wanted`.
///
/// `first` is what the run first saw there, `now` what stands there now. The row follows from `first`,
/// so a repeated attempt, or another worker, gives the same row; `now` only ever holds us back: what
/// somebody else has put there since is left alone, whatever the policy.
pub(crate) fn decide(first: Seen, now: Seen, wanted: Digest, policy: Policy) -> Decision {
    let first = if first == Seen::Unknown { now } else { first };
    let Policy { overwrite, dry_run } = policy;
    let status = match first {
        Seen::Present(present) if present == wanted => {
            return Decision::Leave(Status::Skipped(SkipReason::UpToDate));
        }
        Seen::Present(_) if !overwrite => return Decision::Leave(Status::Drifted),
        Seen::Present(_) if dry_run => return Decision::Leave(Status::WouldOverwrite),
        Seen::Present(_) => Status::Overwritten,
        Seen::Absent | Seen::Unknown if dry_run => return Decision::Leave(Status::WouldCopy),
        Seen::Absent | Seen::Unknown => Status::Copied,
    };
    match now {
        // An earlier attempt's own work, or the same work of another run.
        Seen::Present(present) if present == wanted => Decision::Leave(status),
        now if now == first || now == Seen::Unknown => Decision::Write(status),
        Seen::Present(_) | Seen::Absent | Seen::Unknown => Decision::Leave(Status::Drifted),
    }
}

/// Decides about something that is attached, of which `now` stands at the destination.
///
/// What is found by its subject is there or is not; an old tag is a value like any tag, but that it grows.
pub(crate) fn decide_attached(attached: &Attached, now: Seen, policy: Policy) -> Decision {
    let is_grown = attached.name.is_some() && attached.listed;
    decide_grown(attached.seen, now, attached.descriptor.digest, policy, is_grown)
}

/// Decides as [`decide`] does; where `is_grown`, all that was first seen is part of `wanted`: the tag is
/// brought up to date, whatever the policy, and nothing is overwritten by that.
pub(crate) fn decide_grown(
    first: Seen,
    now: Seen,
    wanted: Digest,
    policy: Policy,
    is_grown: bool,
) -> Decision {
    let allowed = Policy { overwrite: policy.overwrite || is_grown, ..policy };
    match decide(first, now, wanted, allowed) {
        Decision::Leave(Status::Overwritten) if is_grown => Decision::Leave(Status::Copied),
        Decision::Leave(Status::WouldOverwrite) if is_grown => Decision::Leave(Status::WouldCopy),
        Decision::Write(Status::Overwritten) if is_grown => Decision::Write(Status::Copied),
        decision @ (Decision::Leave(_) | Decision::Write(_)) => decision,
    }
}

/// Returns the outcome of a job whose look was taken in, where that leaves nothing to be done: the tag is
/// to be left, and all that is attached is there, and listed.
pub(crate) fn settle(job: &Job) -> Option<Outcome> {
    let Decision::Leave(status) = decide(job.seen, job.seen, job.wanted(), job.policy) else {
        return None;
    };
    let mut rows = Vec::with_capacity(job.referrers.len());
    for attached in &job.referrers {
        let is_listed = attached.listed || attached.name.is_some() || job.policy.dry_run;
        match decide_attached(attached, attached.seen, job.policy) {
            Decision::Leave(status) if is_listed => rows.push(row(attached, status)),
            Decision::Leave(_) | Decision::Write(_) => return None,
        }
    }
    Some(Outcome { referrers: rows, ..Outcome::idle(job.id, status, job.wanted()) })
}

/// Returns the row of something that is attached.
pub(crate) fn row(attached: &Attached, status: Status) -> ReferrerRow {
    let Attached { descriptor: Descriptor { digest, artifact_type, .. }, name, .. } = attached;
    let (artifact_type, name) = (artifact_type.clone(), name.clone());
    ReferrerRow { digest: *digest, artifact_type, name, status }
}

#[cfg(test)]
mod tests {
    use mirror_oci::MediaType;

    use super::*;

    #[track_caller]
    fn check(first: Seen, now: Seen, (overwrite, dry_run): (bool, bool), expected: &Decision) {
        let policy = Policy { overwrite, dry_run };
        assert_eq!(decide(first, now, Digest::of(b"new"), policy), *expected);
    }

    #[test]
    fn a_tag_is_written_only_when_it_may_be() {
        let (old, new) = (Seen::Present(Digest::of(b"old")), Seen::Present(Digest::of(b"new")));
        let up_to_date = Decision::Leave(Status::Skipped(SkipReason::UpToDate));
        for overwrite in [false, true] {
            let check = |seen, dry_run, expected| check(seen, seen, (overwrite, dry_run), expected);
            check(Seen::Absent, false, &Decision::Write(Status::Copied));
            check(Seen::Absent, true, &Decision::Leave(Status::WouldCopy));
            check(Seen::Unknown, false, &Decision::Write(Status::Copied));
            check(new, false, &up_to_date);
            check(new, true, &up_to_date);
        }
        check(old, old, (false, false), &Decision::Leave(Status::Drifted));
        check(old, old, (false, true), &Decision::Leave(Status::Drifted));
        check(old, old, (true, false), &Decision::Write(Status::Overwritten));
        check(old, old, (true, true), &Decision::Leave(Status::WouldOverwrite));
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_left_alone() {
        let seen = |text: &[u8]| Seen::Present(Digest::of(text));
        let drifted = Decision::Leave(Status::Drifted);
        check(Seen::Absent, seen(b"other"), (false, false), &drifted);
        check(Seen::Absent, seen(b"other"), (true, false), &drifted);
        check(seen(b"old"), seen(b"other"), (true, false), &drifted);
        check(seen(b"old"), Seen::Absent, (true, false), &drifted);
    }

    #[test]
    fn a_repeated_attempt_gives_the_same_row() {
        let seen = |text: &[u8]| Seen::Present(Digest::of(text));
        let new = seen(b"new");
        check(Seen::Absent, new, (false, false), &Decision::Leave(Status::Copied));
        check(seen(b"old"), new, (true, false), &Decision::Leave(Status::Overwritten));
        check(seen(b"old"), new, (false, false), &Decision::Leave(Status::Drifted));
        let up_to_date = Decision::Leave(Status::Skipped(SkipReason::UpToDate));
        check(Seen::Unknown, new, (false, false), &up_to_date);
    }

    #[track_caller]
    fn check_old_tag(seen: Seen, is_grown: bool, policy: (bool, bool), expected: &Decision) {
        let policy = Policy { overwrite: policy.0, dry_run: policy.1 };
        let attached = Attached {
            subject: Digest::of(b"subject"),
            descriptor: Descriptor {
                media_type: MediaType::octet_stream(),
                digest: Digest::of(b"new"),
                size: 0,
                artifact_type: None,
            },
            name: Some("sha256-0.sig".parse().unwrap()),
            listed: is_grown,
            seen,
        };
        assert_eq!(decide_attached(&attached, seen, policy), *expected);
    }

    #[test]
    fn an_old_tag_grows_and_loses_nothing() {
        let (old, new) = (Seen::Present(Digest::of(b"old")), Seen::Present(Digest::of(b"new")));
        let check = check_old_tag;
        check(Seen::Absent, false, (false, false), &Decision::Write(Status::Copied));
        check(old, true, (false, false), &Decision::Write(Status::Copied));
        check(old, true, (true, false), &Decision::Write(Status::Copied));
        check(old, true, (false, true), &Decision::Leave(Status::WouldCopy));
        check(old, false, (false, false), &Decision::Leave(Status::Drifted));
        check(old, false, (false, true), &Decision::Leave(Status::Drifted));
        check(old, false, (true, false), &Decision::Write(Status::Overwritten));
        check(old, false, (true, true), &Decision::Leave(Status::WouldOverwrite));
        let up_to_date = Decision::Leave(Status::Skipped(SkipReason::UpToDate));
        check(new, true, (false, false), &up_to_date);
    }
}
