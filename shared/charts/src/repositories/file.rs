//! Files that Helm keeps or names, read whole within a bound.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::RepositoriesError;

/// Reads a file of at most `limit` bytes on a thread that may wait for it.
pub(crate) async fn read(
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, RepositoriesError> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking({
        let path = path.clone();
        move || read_now(&path, limit)
    });
    match reading.await {
        Ok(read) => read,
        // A reader that is lost is one whose runtime ends.
        Err(lost) => Err(unreadable(&path, io::Error::other(lost))),
    }
}

fn read_now(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, RepositoriesError> {
    let failed = |source| unreadable(path, source);
    // A pipe would be waited for: it is none of these files.
    let is_file = std::fs::metadata(path).map_err(failed)?.is_file();
    if !is_file {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let length = usize::try_from(file.metadata().map_err(failed)?.len()).unwrap_or(limit);
    // Room for all of it at once: a buffer that grows leaves copies of its content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.min(limit) + 1));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(RepositoriesError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

fn unreadable(path: &Path, source: io::Error) -> RepositoriesError {
    RepositoriesError::Unreadable { path: PathBuf::from(path), source }
}
