//! The bounds of a connection, the same on both sides, each with its reason.

use std::time::Duration;

/// The largest message: a submitted run (900 kB) or a batch of rows, with room to grow.
///
/// Callers set it on the clients and servers that are made from `proto`
/// (`max_decoding_message_size`, `max_encoding_message_size`).
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// How often a side asks whether the other is there: a dead peer is noticed within half a minute, the
/// time after which a silent worker is given up.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How long the answer to that may take.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to stand, TLS included: an address that swallows packets must not keep
/// the next one waiting for longer than that.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls under way on one connection: a worker needs one, a CLI a handful.
pub(crate) const MAX_STREAMS: u32 = 256;

/// The largest frame: small enough that a large message does not hold up a short one.
pub(crate) const MAX_FRAME_BYTES: u32 = 64 * 1024;

/// All headers of a call: a token, and a few names.
pub(crate) const MAX_HEADER_BYTES: u32 = 32 * 1024;

/// What one stream may send before it is read.
pub(crate) const STREAM_WINDOW: u32 = 1024 * 1024;

/// What all streams of a connection may send before they are read.
pub(crate) const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Addresses that may be given: standbys are two or three.
pub(crate) const MAX_COORDINATORS: usize = 16;

/// The longest address: a host name has 253 characters at most.
pub(crate) const MAX_URL_BYTES: usize = 512;

/// A file of certificates: a bundle of all public authorities is a quarter of it.
pub(crate) const MAX_PEM_BYTES: usize = 1024 * 1024;

/// A file of tokens: each must fit into a header.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// How old a token in memory may be: a token that was revoked is refused a second later, and nobody can
/// make us read the file more often than that.
pub(crate) const TOKEN_AGE: Duration = Duration::from_secs(1);
