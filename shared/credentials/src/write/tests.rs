//! Files that are made, and that are not.

use tempfile::TempDir;

use super::*;

#[test]
fn a_file_has_the_mode_that_is_asked_for_and_is_never_overwritten() {
    let folder = TempDir::new().unwrap();
    for (name, mode) in [("private", 0o600), ("public", 0o644)] {
        let path = folder.path().join(name);
        write_new(&path, b"first", mode).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        let again = write_new(&path, b"second", mode).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }
    // A link that leads nowhere is something too.
    std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
    write_new(&folder.path().join("link"), b"x", OWNER_ONLY).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside them");
}
