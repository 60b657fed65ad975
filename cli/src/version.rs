//! `version`: what this is.

use serde::Serialize;

use crate::arguments::Version;
use crate::display;
use crate::failure::Failed;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Answer {
    version: &'static str,
}

/// Prints the version.
pub(crate) fn run(version: &Version) -> Result<u8, Failed> {
    let text = format!("flux-mirror {VERSION}\n");
    display::answer(version.output, &text, &Answer { version: VERSION })?;
    Ok(0)
}
