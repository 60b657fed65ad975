//! Each field that can be wrong, wrong once: the error names it.

mod jobs;
mod runs;

use mirror_proto::Invalid;

#[track_caller]
fn expect<T: std::fmt::Debug>(read: Result<T, Invalid>, expected: &str) {
    let error = read.unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}
