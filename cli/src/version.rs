//! `version`: what this is.

use std::io::Write;

use serde::Serialize;

use crate::arguments::{Output, Version};
use crate::failure::Failed;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Answer {
    version: &'static str,
}

/// Prints the version.
pub(crate) fn run(version: &Version) -> Result<u8, Failed> {
    let answer = Answer { version: VERSION };
    let text = match version.output {
        Output::Text => format!("flux-mirror {VERSION}\n"),
        Output::Json => serde_json::to_string_pretty(&answer)
            .map(|text| text + "\n")
            .map_err(|error| Failed::because("cannot render the version", &error))?,
        Output::Yaml => serde_saphyr::to_string(&answer)
            .map_err(|error| Failed::because("cannot render the version", &error))?,
    };
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failed::because("cannot write to stdout", &error))?;
    Ok(0)
}
