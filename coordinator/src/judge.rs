//! What an append means that was refused, or whose answer was lost: the tail of the log tells.

use mirror_queue::{Stamp, Tail};

/// What became of an append, and of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is in the log, at its end.
    Stored(u64),
    /// It is not, and the log ends where it did: it may go again.
    Again,
    /// Somebody else leads.
    Deposed,
    /// The log is not the one that it was: it has to be written again.
    Lost,
}

/// Judges by the log's tail: `created` is when the log was made that was appended to, `last` where it
/// ended, and `stamp` is the append's. `is_before` says of a writer that he wrote before this one led: his
/// batches depose nobody, they are what is left of a log that was cut back.
pub(crate) fn judge(
    tail: Option<Tail>,
    created: i128,
    last: u64,
    stamp: Stamp,
    is_before: impl Fn(u64) -> bool,
) -> Judgement {
    let Some(tail) = tail else { return Judgement::Lost };
    let is_other = tail.created != created || tail.last < last;
    match tail.stamp {
        Some(found) if found == stamp && !is_other => Judgement::Stored(tail.last),
        // Somebody writes into it, whichever log it is.
        Some(found)
            if found.writer != stamp.writer
                && !is_before(found.writer)
                && (is_other || tail.last > last) =>
        {
            Judgement::Deposed
        }
        Some(_) | None if is_other => Judgement::Lost,
        Some(_) | None if tail.last == last => Judgement::Again,
        // Longer than it was, by nobody's hand that is known: the last batch is gone already.
        Some(_) | None => Judgement::Deposed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who wrote the last batch, and which of his it was.
    type Writer = Option<(u64, u64)>;

    const MINE: Stamp = Stamp { writer: 7, number: 3 };

    /// Who led before.
    const BEFORE: u64 = 5;

    #[track_caller]
    fn check(tail: Option<(i128, u64, Writer)>, expected: Judgement) {
        let tail = tail.map(|(created, last, stamp)| {
            let stamp = stamp.map(|(writer, number)| Stamp { writer, number });
            Tail { created, first: 1, last, bytes: 0, stamp }
        });
        assert_eq!(judge(tail, 100, 10, MINE, |writer| writer == BEFORE), expected);
    }

    #[test]
    fn the_tail_tells_what_became_of_an_append() {
        check(Some((100, 11, Some((7, 3)))), Judgement::Stored(11));
        check(Some((100, 10, Some((7, 2)))), Judgement::Again);
        check(Some((100, 10, Some((8, 9)))), Judgement::Again);
        check(Some((100, 10, None)), Judgement::Again);
        check(Some((100, 11, Some((8, 1)))), Judgement::Deposed);
        check(Some((100, 12, Some((8, 1)))), Judgement::Deposed);
    }

    #[test]
    fn a_log_that_is_another_was_lost_unless_somebody_leads_in_it() {
        check(None, Judgement::Lost);
        check(Some((200, 0, None)), Judgement::Lost);
        check(Some((100, 4, Some((7, 1)))), Judgement::Lost);
        check(Some((200, 11, Some((7, 3)))), Judgement::Lost);
        check(Some((200, 2, Some((8, 2)))), Judgement::Deposed);
        // Cut back to before this one led.
        check(Some((100, 4, Some((5, 40)))), Judgement::Lost);
        check(Some((100, 4, Some((8, 40)))), Judgement::Deposed);
    }
}
