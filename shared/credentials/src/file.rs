//! The secret in a file, as it is now.

use std::io;

use mirror_oci::RegistryHost;

use crate::{ConfinedError, ConfinedFile, CredentialError, Secret};

/// The most that is read of a credential's file, or of a key's: no server takes headers that are larger.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;

/// Reads the secret that `file` holds now, without the white space around it.
pub(crate) async fn read(
    host: &RegistryHost,
    file: &ConfinedFile,
) -> Result<Secret, CredentialError> {
    let path = || file.path().to_owned();
    let reading = file.clone();
    let bytes = blocking(file.path(), move || reading.read(MAX_SECRET_BYTES))
        .await
        .map_err(|source| CredentialError::File { host: host.clone(), source })?;
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(CredentialError::Empty { host: host.clone(), path: path() }),
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(CredentialError::NotText { host: host.clone(), path: path() }),
    }
}

/// Reads the file at `path` where reading may block.
pub(crate) async fn blocking<T: Send + 'static>(
    path: &str,
    read: impl FnOnce() -> Result<T, ConfinedError> + Send + 'static,
) -> Result<T, ConfinedError> {
    // A reader that is lost is one whose runtime ends.
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|lost| {
        let (path, source) = (path.to_owned(), io::Error::other(lost));
        Err(ConfinedError::Unreadable { path, source })
    })
}
