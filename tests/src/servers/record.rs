//! The record of requests that our Go servers write: a JSON line each.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::scripted::{Kind, Listener, Request};

/// A request that a server has answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Served {
    /// The method.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The status.
    pub status: u16,
    /// Bytes of the body that was sent.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The Range header, or nothing.
    pub range: String,
    /// The User-Agent header.
    pub agent: String,
    /// The user of Basic, or nothing.
    pub user: String,
    /// Whether there was an Authorization header.
    pub authorization: bool,
    /// The name in the client's certificate.
    pub client: Option<String>,
}

impl Served {
    /// Returns what it asked for.
    pub fn kind(&self) -> Kind {
        Request::new(&self.method, &self.uri, Vec::new(), Listener::Main, false).kind
    }
}

/// Reads the record; a last line that is half written is left out.
pub(super) fn read(file: &Path) -> Vec<Served> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("record {line}: {error}"))
    };
    whole.lines().map(parse).collect()
}
