//! Whether a tag may be written, and what its row says: the only place that decides it.

use mirror_model::{Policy, Seen, SkipReason, Status};
use mirror_oci::Digest;

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

#[cfg(test)]
mod tests {
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
}
