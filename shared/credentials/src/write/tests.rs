//! Files that are made, and that are not.

use tempfile::TempDir;

use super::*;

fn new<'f>(path: &'f Path, content: &'f str, mode: u32) -> NewFile<'f> {
    NewFile { path, content: content.as_bytes(), mode }
}

#[test]
fn two_files_have_the_modes_that_are_asked_for_and_none_is_overwritten() {
    let folder = TempDir::new().unwrap();
    let [public, private] = ["public", "private"].map(|name| folder.path().join(name));
    write_new(new(&public, "first", 0o644), new(&private, "first", 0o600)).unwrap();
    for (path, mode) in [(&public, 0o644), (&private, 0o600)] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
    let (path, again) =
        write_new(new(&public, "second", 0o644), new(&private, "second", 0o600)).unwrap_err();
    assert_eq!((path, again.kind()), (public.as_path(), io::ErrorKind::AlreadyExists));
    for path in [&public, &private] {
        assert_eq!(std::fs::read(path).unwrap(), b"first");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
}

#[test]
fn where_one_of_two_files_cannot_be_made_neither_is() {
    let folder = TempDir::new().unwrap();
    let [one, other, link] = ["one", "other", "link"].map(|name| folder.path().join(name));
    // A link that leads nowhere is something too.
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let far = folder.path().join("missing/file");
    for (first, second, why) in
        [(&link, &other, &link), (&one, &link, &link), (&one, &far, &far), (&far, &one, &far)]
    {
        let (path, _) =
            write_new(new(first, "x", OWNER_ONLY), new(second, "x", OWNER_ONLY)).unwrap_err();
        assert_eq!(path, why);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
