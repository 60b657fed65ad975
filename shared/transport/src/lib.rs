//! Sends HTTP politely: TLS per host, deadlines, limits per host, nothing secret printed.
//!
//! A [`Host`] sends requests to one registry and gives back whatever it answered; what an answer means
//! is for the caller. Silence, slowness and floods end in an error, requests beyond a host's window
//! wait, a host that asked for a pause gets it, and other hosts are only dialled at addresses that a
//! public registry may send us to.
#![forbid(unsafe_code)]

mod address;
mod backoff;
mod budget;
mod clients;
mod clock;
mod echo;
mod error;
mod host;
mod pause;
mod plain;
mod question;
mod redirect;
mod request;
mod response;
mod retry_after;
mod tls;
mod transport;
mod upload;
mod validity;
mod window;

pub use backoff::Backoff;
pub use budget::{Budget, Wait, Work};
pub use clock::clock_offset;
pub use error::{Retry, RootCause, TransportError};
pub use host::Host;
pub use request::{Body, BodyError, Lane, Request};
pub use reqwest::{Method, StatusCode, header};
pub use response::{Download, MAX_ERROR_BODY, Response};
pub use retry_after::retry_after;
pub use tls::{Authorities, Identity, SpiffeServer, Tls, TlsError, Trust, Workload};
pub use transport::{HostOptions, Noticed, Options, Scheme, Timing, Transfer, Transport, Watcher};
pub use validity::{Expired, Validity, boot_time};
