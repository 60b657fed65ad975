//! Which requests a fault happens to.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::fault::Fault;
use super::request::{Kind, Listener, Request};

type Condition = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Chooses requests by what they are, and among those by their number.
#[derive(Clone)]
pub struct Rule {
    conditions: Vec<Condition>,
    turns: Turns,
}

#[derive(Clone, Copy, Debug)]
enum Turns {
    Each,
    Nth(usize),
    First(usize),
    After(usize),
}

impl Rule {
    /// Chooses every request to the registry, and to its other host.
    pub fn any() -> Self {
        Self { conditions: Vec::new(), turns: Turns::Each }
    }

    /// Chooses requests of one kind.
    pub fn on(kind: Kind) -> Self {
        Self::any().matching(move |request| request.kind == kind)
    }

    /// Only those with this method.
    #[must_use]
    pub fn method(self, method: &str) -> Self {
        let method = method.to_owned();
        self.matching(move |request| request.method == method)
    }

    /// Only those whose path and query match `pattern`; `*` stands for any text.
    #[must_use]
    pub fn target(self, pattern: &str) -> Self {
        let pattern = pattern.to_owned();
        self.matching(move |request| glob(&pattern, &request.target))
    }

    /// Only those of one repository.
    #[must_use]
    pub fn repository(self, repository: &str) -> Self {
        let repository = repository.to_owned();
        self.matching(move |request| request.repository.as_ref() == Some(&repository))
    }

    /// Only those of one tag or digest.
    #[must_use]
    pub fn reference(self, reference: &str) -> Self {
        let reference = reference.to_owned();
        self.matching(move |request| request.reference.as_ref() == Some(&reference))
    }

    /// Only those that came to the other host.
    #[must_use]
    pub fn at_other_host(self) -> Self {
        self.matching(|request| request.listener == Listener::Other)
    }

    /// Only those on a connection that has carried a request before.
    #[must_use]
    pub fn reused(self) -> Self {
        self.matching(|request| request.reused)
    }

    /// Only those with a header whose value contains `text`.
    #[must_use]
    pub fn with_header(self, name: &str, text: &str) -> Self {
        let (name, text) = (name.to_owned(), text.to_owned());
        self.matching(move |request| request.header(&name).is_some_and(|it| it.contains(&text)))
    }

    /// Only those that the closure says yes to. The body has not been read yet.
    #[must_use]
    pub fn matching(
        mut self,
        condition: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Of those, the `nth`, counted from 1.
    #[must_use]
    pub fn nth(self, nth: usize) -> Self {
        Self { turns: Turns::Nth(nth), ..self }
    }

    /// Of those, the first `count`.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self { turns: Turns::First(count), ..self }
    }

    /// Of those, all but the first `count`.
    #[must_use]
    pub fn after(self, count: usize) -> Self {
        Self { turns: Turns::After(count), ..self }
    }

    fn matches(&self, request: &Request) -> bool {
        self.conditions.iter().all(|condition| condition(request))
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rule {:?}", self.turns)
    }
}

/// A rule with its fault at work: says how often it happened.
#[derive(Clone, Debug)]
pub struct Scripted {
    fired: Arc<AtomicUsize>,
}

impl Scripted {
    /// Returns how many requests the fault happened to.
    pub fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }
}

/// The rules of a registry, in the order they were added.
#[derive(Debug, Default)]
pub(super) struct Script {
    lines: Mutex<Vec<Line>>,
}

#[derive(Debug)]
struct Line {
    rule: Rule,
    fault: Fault,
    matched: usize,
    fired: Arc<AtomicUsize>,
}

impl Script {
    pub(super) fn add(&self, rule: Rule, fault: Fault) -> Scripted {
        let fired = Arc::new(AtomicUsize::new(0));
        let line = Line { rule, fault, matched: 0, fired: Arc::clone(&fired) };
        self.lines.lock().expect("nobody panics in here").push(line);
        Scripted { fired }
    }

    pub(super) fn clear(&self) {
        self.lines.lock().expect("nobody panics in here").clear();
    }

    /// Returns what all rules whose turn it is do together; where they disagree, a later one wins.
    pub(super) fn due(&self, request: &Request) -> Fault {
        let mut due_faults = Fault::none();
        for line in self.lines.lock().expect("nobody panics in here").iter_mut() {
            if !line.rule.matches(request) {
                continue;
            }
            line.matched += 1;
            let due = match line.rule.turns {
                Turns::Each => true,
                Turns::Nth(nth) => line.matched == nth,
                Turns::First(count) => line.matched <= count,
                Turns::After(count) => line.matched > count,
            };
            if due {
                line.fired.fetch_add(1, Ordering::SeqCst);
                due_faults.add(&line.fault);
            }
        }
        due_faults
    }
}

/// Returns whether `text` matches `pattern`, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| glob(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_by_its_stars() {
        assert!(glob("/v2/*/blobs/*", "/v2/a/b/blobs/sha256:00"));
        assert!(glob("*", ""));
        assert!(!glob("/v2/*/blobs/*", "/v2/a/manifests/v1"));
        assert!(!glob("/v2/", "/v2/a"));
    }

    #[test]
    fn a_rule_counts_what_matches() {
        let script = Script::default();
        let request = |target| Request::new("GET", target, Vec::new(), Listener::Main, false);
        let second = script.add(Rule::on(Kind::Tags).nth(2), Fault::status(500));
        let later = script.add(Rule::on(Kind::Tags).after(2), Fault::status(500));
        for target in ["/v2/a/tags/list", "/v2/", "/v2/a/tags/list", "/v2/b/tags/list"] {
            script.due(&request(target));
        }
        assert_eq!((second.fired(), later.fired()), (1, 1));
    }
}
