//! What this coordinator is at the moment: the leader, or one that stands by.

use mirror_rpc::not_leading;
use tokio::sync::watch;
use tonic::Status;

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

/// Returns the way to the leader, where that is this process.
pub(crate) fn leading(role: &watch::Receiver<Role>) -> Result<Handle, Status> {
    match &*role.borrow() {
        Role::Leader(handle) => Ok(handle.clone()),
        Role::Standby(leader) => Err(not_leading(leader.as_deref())),
    }
}
