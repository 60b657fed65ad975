//! Whose turn it is: the addresses that were given, and the leader that one of them named.
//!
//! Pure. A hint is held to the rules of the given addresses, and never leads from TLS to plaintext.

use crate::RpcError;
use crate::address::Address;
use crate::limits::MAX_COORDINATORS;

/// The addresses, and which is next.
#[derive(Debug)]
pub(crate) struct Turn {
    given: Vec<Address>,
    /// Which of them will not speak to us, since one last did.
    refused: Vec<bool>,
    next: usize,
    leader: Option<Address>,
    plaintext: bool,
}

impl Turn {
    /// Checks the addresses.
    pub(crate) fn new(urls: &[String], plaintext: bool) -> Result<Self, RpcError> {
        if urls.is_empty() || urls.len() > MAX_COORDINATORS {
            return Err(RpcError::Count { count: urls.len(), most: MAX_COORDINATORS });
        }
        let mut given = Vec::with_capacity(urls.len());
        for url in urls {
            let address = Address::parse(url)?.guarded(plaintext)?;
            if !given.contains(&address) {
                given.push(address);
            }
        }
        let refused = vec![false; given.len()];
        Ok(Self { given, refused, next: 0, leader: None, plaintext })
    }

    /// Whether all given addresses have TLS.
    fn secure(&self) -> bool {
        self.given.iter().all(|address| address.secure)
    }

    /// Returns who is next.
    pub(crate) fn target(&self) -> &Address {
        self.leader.as_ref().unwrap_or(&self.given[self.next])
    }

    /// Returns all that may be tried, the next one first.
    pub(crate) fn order(&self) -> Vec<Address> {
        let (before, from) = self.given.split_at(self.next);
        let rest = from.iter().chain(before).filter(|one| Some(*one) != self.leader.as_ref());
        self.leader.iter().chain(rest).cloned().collect()
    }

    /// One of them was reached: it stays the next.
    pub(crate) fn keep(&mut self, address: &Address) {
        if self.leader.as_ref() == Some(address) {
            return;
        }
        if let Some(index) = self.given.iter().position(|one| one == address) {
            self.next = index;
            self.leader = None;
        }
    }

    /// The next one is none that leads.
    pub(crate) fn pass(&mut self) {
        // After a leader that was named, the one that named it is asked again.
        if self.leader.take().is_none() {
            self.next = (self.next + 1) % self.given.len();
        }
    }

    /// The next one will not speak to us. Returns whether that is final: it leads, or all others will not
    /// either. One may have other authorities than its standby while they are replaced.
    pub(crate) fn refuse(&mut self) -> bool {
        let leads = self.leader.is_some();
        if !leads {
            self.refused[self.next] = true;
        }
        self.pass();
        leads || self.refused.iter().all(|refused| *refused)
    }

    /// One of them did what it was asked.
    pub(crate) fn answer(&mut self) {
        self.refused.fill(false);
    }

    /// Somebody named the leader.
    pub(crate) fn follow(&mut self, url: &str) -> Result<(), RpcError> {
        let leader = Address::parse(url)?;
        if self.secure() && !leader.secure {
            return Err(RpcError::Downgrade { url: leader.url });
        }
        self.leader = Some(leader.guarded(self.plaintext)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(urls: &[&str], plaintext: bool) -> Turn {
        let urls: Vec<String> = urls.iter().map(ToString::to_string).collect();
        Turn::new(&urls, plaintext).unwrap()
    }

    fn order(turn: &Turn) -> Vec<String> {
        turn.order().into_iter().map(|address| address.url).collect()
    }

    #[test]
    fn addresses_are_tried_in_turn_and_the_leader_first() {
        let mut turn = turn(&["https://a", "https://b", "https://a", "https://c"], false);
        assert_eq!(order(&turn), ["https://a", "https://b", "https://c"]);
        turn.pass();
        assert_eq!(order(&turn), ["https://b", "https://c", "https://a"]);
        turn.follow("https://a").unwrap();
        assert_eq!(order(&turn), ["https://a", "https://b", "https://c"]);
        assert_eq!(turn.target().url, "https://a");
        turn.follow("https://d").unwrap();
        assert_eq!(order(&turn), ["https://d", "https://b", "https://c", "https://a"]);
        turn.pass();
        assert_eq!(turn.target().url, "https://b");
        let c = turn.order().swap_remove(1);
        turn.keep(&c);
        assert_eq!(turn.target().url, "https://c");
        turn.pass();
        assert_eq!(turn.target().url, "https://a");
    }

    #[test]
    fn a_refusal_is_final_if_it_is_the_leaders_or_of_all() {
        let mut turn = turn(&["https://a", "https://b"], false);
        assert!(!turn.refuse());
        assert_eq!(turn.target().url, "https://b");
        turn.answer();
        assert!(!turn.refuse());
        assert!(turn.refuse());
        turn.answer();
        turn.pass();
        turn.follow("https://b").unwrap();
        turn.keep(&Address::parse("https://b").unwrap());
        assert!(turn.refuse());
        assert_eq!(turn.target().url, "https://a");
    }

    #[track_caller]
    fn check(given: &str, plaintext: bool, hint: &str, accepted: bool) {
        let mut turn = turn(&[given], plaintext);
        assert_eq!(turn.follow(hint).is_ok(), accepted, "{given} {hint}");
        assert_eq!(turn.leader.is_some(), accepted, "{given} {hint}");
    }

    #[test]
    fn a_hint_is_held_to_the_rules_of_given_addresses() {
        check("http://127.0.0.1:1", false, "http://127.0.0.1:2", true);
        check("http://127.0.0.1:1", false, "https://b.test", true);
        check("http://127.0.0.1:1", false, "http://b.test", false);
        check("http://a.test", true, "http://b.test", true);
        check("https://a.test", false, "https://b.test", true);
        check("https://a.test", false, "http://b.test", false);
        check("https://a.test", true, "http://b.test", false);
        check("https://a.test", false, "http://127.0.0.1:1", false);
        check("https://a.test", false, "ftp://b.test", false);
        check("https://a.test", false, "https://u:p@b.test", false);
        check("https://a.test", false, "", false);
    }

    #[test]
    fn there_is_an_address_and_not_too_many() {
        for count in [0, MAX_COORDINATORS + 1] {
            let urls = vec!["https://a".to_owned(); count];
            assert!(matches!(Turn::new(&urls, false), Err(RpcError::Count { .. })), "{count}");
        }
    }
}
