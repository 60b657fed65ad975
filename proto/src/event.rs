//! Events that a worker tells of its jobs.

use mirror_model::{Event, Warning};

use crate::{Invalid, wire};

/// Writes an event of a job or a registry's notice; `None` for what does not travel: rows and plans, which the log carries.
pub fn event_to(_event: &Event) -> Option<wire::worker::v1::Event> {
    todo!()
}

/// Reads an event.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn event_from(_event: wire::worker::v1::Event) -> Result<Event, Invalid> {
    let _ = Warning::Run { message: String::new() };
    todo!()
}
