//! Real servers, a scripted registry and other helpers of the integration tests.
//!
//! An independent judge: nothing here depends on a crate of the product, so digests, manifests and
//! layouts are read by code that shares no mistake with what it judges. Whatever goes wrong here is
//! a panic that says what, because it is a test's failure. `tests/README.md` shows a test.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic in here is how the test that called it fails"
)]

pub mod aws;
pub mod binary;
pub mod black_hole;
#[cfg(feature = "test-sigstore")]
pub mod bundle;
pub mod chart;
pub mod client;
#[cfg(feature = "test-sigstore")]
pub mod cosign;
pub mod digest;
pub mod forward_proxy;
pub mod google;
pub mod held;
pub mod judge;
pub mod kubernetes;
pub mod layout;
pub mod mirror;
pub mod mode;
pub mod nats;
#[cfg(feature = "test-clients")]
pub mod oras;
pub mod pki;
pub mod ports;
pub mod proxy;
pub mod sample;
pub mod scripted;
pub mod servers;
mod signals;
#[cfg(feature = "test-sigstore")]
pub mod signed;
pub mod tools;
pub mod watch;
