//! Making a folder a layout.

use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use crate::LayoutError;
use crate::folder::{Folder, off};
use crate::index::EMPTY;
use crate::lock::{LOCK_WAIT, Lock};
use crate::part::{replace, sweep};
use crate::tree::{INDEX, OCI_LAYOUT, is_layout, make_blobs};

/// Makes `path` a layout where it is none, and sweeps what crashes left in it.
///
/// `oci-layout` comes last: a folder without it is no layout, so there is never half a one.
pub(crate) async fn make_layout(path: &Path) -> Result<(), LayoutError> {
    let folder = path.to_owned();
    let whole = off(path, move || {
        let root = Folder::make(&folder)?;
        sweep(&root);
        Ok(is_layout(&root)? && root.file(INDEX)?.is_some())
    });
    if whole.await? {
        return Ok(());
    }
    let lock = Lock::take(path, Instant::now() + LOCK_WAIT).await?;
    let folder = path.to_owned();
    off(path, move || {
        let root = Arc::new(Folder::make(&folder)?);
        make_blobs(&root)?;
        if root.file(INDEX)?.is_none() {
            replace(&root, INDEX, EMPTY.as_bytes())?;
        }
        if !is_layout(&root)? {
            replace(&root, OCI_LAYOUT, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        drop(lock);
        Ok(())
    })
    .await
}
