//! The one cache of what is dear to ask for: one asks, the others wait and take its answer.
//!
//! An answer is kept as long as its giver says, an error for [`ERROR_KEPT`], so that a thousand
//! jobs do not ask a dead provider a thousand times. Whoever asks may be dropped at any `.await`:
//! the next in the queue then asks itself. How long one question may take is left to the asker.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The longest that anything is kept, whatever a server says of its life: a number of its own choice.
const MOST_KEPT: Duration = Duration::from_hours(24);
/// How long an error stands for the next answers: long enough for all jobs that wait, short enough
/// for a job's second attempt to find out that it has passed.
const ERROR_KEPT: Duration = Duration::from_secs(5);

/// Answers by question. Holds one slot per question ever asked: as many as the hosts of a config
/// times their providers.
pub(crate) struct Cache<K, V, E> {
    slots: Mutex<HashMap<K, Arc<Slot<V, E>>>>,
}

/// Held by the one who asks, so that the others wait.
type Slot<V, E> = tokio::sync::Mutex<Option<Kept<V, E>>>;

struct Kept<V, E> {
    answer: Result<V, E>,
    until: Instant,
}

/// An answer and how long it holds.
pub(crate) struct Fresh<V> {
    pub(crate) value: V,
    pub(crate) kept: Duration,
}

impl<K: Eq + Hash, V: Clone, E: Clone> Cache<K, V, E> {
    /// Returns the answer to `question`, by `ask` where none is kept.
    pub(crate) async fn get(
        &self,
        question: K,
        ask: impl Future<Output = Result<Fresh<V>, E>>,
    ) -> Result<V, E> {
        let slot = self.slot(question);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref()
            && Instant::now() < kept.until
        {
            return kept.answer.clone();
        }
        let (answer, holds) = match ask.await {
            Ok(Fresh { value, kept }) => (Ok(value), kept),
            Err(error) => (Err(error), ERROR_KEPT),
        };
        *kept = Some(Kept { answer: answer.clone(), until: Instant::now() + holds.min(MOST_KEPT) });
        answer
    }

    fn slot(&self, question: K) -> Arc<Slot<V, E>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(question).or_default())
    }
}

impl<K, V, E> Default for Cache<K, V, E> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<K, V, E> fmt::Debug for Cache<K, V, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cache(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A cache, and how often it had to ask.
    #[derive(Default)]
    struct Counted {
        cache: Cache<&'static str, u32, &'static str>,
        asked: AtomicU32,
    }

    impl Counted {
        /// Asks a provider that takes a second, and answers with the number of the question.
        async fn get(&self, question: &'static str) -> Result<u32, &'static str> {
            let ask = async {
                let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                if question == "dead" {
                    return Err("dead");
                }
                Ok(Fresh { value: number, kept: MINUTE })
            };
            self.cache.get(question, ask).await
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::Relaxed)
        }
    }

    /// Asks `question` a thousand times at once and checks that every answer is `expected`.
    async fn thousand(
        counted: &Arc<Counted>,
        question: &'static str,
        expected: Result<u32, &'static str>,
    ) {
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let counted = Arc::clone(counted);
            waiting.spawn(async move { counted.get(question).await });
        }
        for answer in waiting.join_all().await {
            assert_eq!(answer, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_ask_once() {
        let counted = Arc::new(Counted::default());
        thousand(&counted, "a", Ok(1)).await;
        assert_eq!(counted.asked(), 1);
        assert_eq!(counted.get("b").await, Ok(2), "another question is another answer");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_asked_anew_at_its_end() {
        let counted = Counted::default();
        assert_eq!(counted.get("a").await, Ok(1));
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert_eq!(counted.get("a").await, Ok(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(counted.get("a").await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_stands_for_five_seconds() {
        let counted = Arc::new(Counted::default());
        thousand(&counted, "dead", Err("dead")).await;
        assert_eq!(counted.asked(), 1);
        tokio::time::advance(Duration::from_millis(4_999)).await;
        counted.get("dead").await.unwrap_err();
        assert_eq!(counted.asked(), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        counted.get("dead").await.unwrap_err();
        assert_eq!(counted.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_asking_leaves_it_to_the_next() {
        let counted = Arc::new(Counted::default());
        let first = tokio::spawn({
            let counted = Arc::clone(&counted);
            async move { counted.get("a").await }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let counted = Arc::clone(&counted);
            async move { counted.get("a").await }
        });
        tokio::task::yield_now().await;
        assert_eq!(counted.asked(), 1);
        first.abort();
        assert_eq!(second.await.unwrap(), Ok(2));
    }
}
