//! A request as it is put on the wire: all of it but the body, which may go only once.
//!
//! What comes back is for [`crate::host`]; here is how a body becomes what reqwest sends.

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::request::Target;
use crate::upload::Watch;
use crate::{Body, Lane, Timing, Validity};

/// A request without its body.
pub(crate) struct Question<'r> {
    pub(crate) method: &'r Method,
    pub(crate) target: &'r Target,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) lane: Lane,
    pub(crate) is_realm: bool,
    pub(crate) settling: u64,
    pub(crate) validity: Option<Validity>,
}

/// A body as reqwest takes it, with the watch over it and the length that reqwest cannot know.
pub(crate) fn outgoing(
    body: Body,
    timing: Timing,
    question: &Question<'_>,
) -> (Option<reqwest::Body>, Watch, Option<u64>) {
    // Some front ends answer 411 to a POST without a length, though it has no body.
    let is_sending = *question.method != Method::GET && *question.method != Method::HEAD;
    match body {
        Body::Empty => (None, Watch::new(timing, question.settling), is_sending.then_some(0)),
        Body::Bytes(bytes) => {
            let watch = Watch::new(timing, question.settling);
            match question.validity {
                None => (Some(bytes.into()), watch, None),
                Some(validity) => {
                    let length = bytes.len() as u64;
                    (Some(reqwest::Body::wrap_stream(validity.body(bytes))), watch, Some(length))
                }
            }
        }
        Body::Stream { bytes, length } => {
            let watch = Watch::new(timing, question.settling.max(length).max(1));
            let body = reqwest::Body::wrap_stream(watch.body(bytes, length));
            (Some(body), watch, Some(length))
        }
    }
}
