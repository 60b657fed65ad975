//! What this coordinator is at the moment: the leader, or one that stands by.

use crate::lead::Handle;

/// What a coordinator is.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// It stands by; the leader may be known.
    Standby(Option<String>),
    /// It leads.
    Leader(Handle),
}

impl Role {
    /// Takes note of who leads; returns whether that is news.
    pub(crate) fn follow(&mut self, leader: Option<String>) -> bool {
        match self {
            Self::Standby(known) if *known != leader => {
                *known = leader;
                true
            }
            Self::Standby(_) | Self::Leader(_) => false,
        }
    }
}
