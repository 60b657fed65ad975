//! Where a config is read from: a file, or stdin.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use mirror_config::{ConfigSource, LoadOptions, MAX_CONFIG_BYTES, MirrorConfig};

use crate::failure::Failed;

/// Loads the config at this path, or from stdin where that is `-`.
pub(crate) fn load(config: &OsStr, options: &LoadOptions<'_>) -> Result<MirrorConfig, Failed> {
    if config != OsStr::new("-") {
        return Ok(MirrorConfig::load(Path::new(config), options)?);
    }
    let mut text = Vec::new();
    let limit = MAX_CONFIG_BYTES as u64 + 1;
    let read = std::io::stdin().lock().take(limit).read_to_end(&mut text);
    read.map_err(|error| Failed::because("cannot read the config from stdin", &error))?;
    Ok(MirrorConfig::parse(&text, &ConfigSource::Stdin, options)?)
}
