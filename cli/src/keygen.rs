//! `keygen`: a new pair of keys for a config's `jwkPath`, as two files.

use std::io;
use std::path::Path;

use mirror_credentials::{NewFile, SigningKey, write_new};
use mirror_report::printable;

use crate::arguments::Keygen;
use crate::display;
use crate::failure::Failed;

const PRIVATE: &str = "privkey.json";
const PUBLIC: &str = "pubkey.json";

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Keygen) -> Result<u8, Failed> {
    let folder = &flags.output_dir;
    let (private, public) = (folder.join(PRIVATE), folder.join(PUBLIC));
    let there = [&private, &public].map(|path| path.symlink_metadata().is_ok().then_some(path));
    let there: Vec<String> = there.into_iter().flatten().map(|path| exists(path)).collect();
    if !there.is_empty() {
        return Err(Failed::all(there));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failed::because(&format!("cannot make {}", folder.display()), &error))?;
    let key = SigningKey::generate().map_err(|error| Failed::by(&error))?;
    let private_set = key.private.expose().as_bytes();
    // In this order: where it ends between the two, no key is there that nobody can verify.
    write_new(
        NewFile { path: &public, content: key.public.as_bytes(), mode: 0o644 },
        NewFile { path: &private, content: private_set, mode: 0o600 },
    )
    .map_err(|(path, error)| unwritten(path, &error))?;
    for (kind, path) in [("private", private), ("public", public)] {
        let path = path.display().to_string();
        display::print(&format!("✔ {kind} key set written to: {}\n", printable(&path)))?;
    }
    Ok(0)
}

fn exists(path: &Path) -> String {
    format!("{} is there already, and is not overwritten", path.display())
}

fn unwritten(path: &Path, error: &io::Error) -> Failed {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Failed::new(exists(path));
    }
    Failed::because(&format!("cannot write {}", path.display()), error)
}
