//! A registry's clock, by the `Date` of its answers (RFC 9110, section 6.6.1).

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use mirror_transport::clock_offset;
use mirror_transport::header::{AGE, DATE, HeaderMap};

/// What is known of a registry's clock.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Option<i64>>);

impl Clock {
    /// Learns from an answer. One that was kept by a cache on the way says when that was.
    pub(crate) fn learn(&self, sent: SystemTime, headers: &HeaderMap, received: SystemTime) {
        if headers.contains_key(AGE) {
            return;
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            let offset = clock_offset(sent, theirs, received);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(offset);
        }
    }

    /// Returns by how many seconds it is ahead of ours; `None` where nothing is known.
    pub(crate) fn offset(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
