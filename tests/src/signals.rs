//! Signals to children. One that has ended by itself is no mistake.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Sends `signal` to the child with this id.
pub(crate) fn send(id: u32, signal: Signal) {
    if let Some(id) = pid(id) {
        let _ = kill_process(id, signal);
    }
}

/// Stops a child where it stands, or lets it go on. Returns when all of its threads stand, which takes a
/// signal a moment.
pub(crate) fn freeze(id: u32, frozen: bool) {
    send(id, if frozen { Signal::STOP } else { Signal::CONT });
    if let Some(id) = pid(id).filter(|_| frozen) {
        // Left as it is for whoever waits for its end.
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = waitid(WaitId::Pid(id), stopped);
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
