//! What may be read beneath a folder, and what may not, with and without the kernel's help.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const LIMIT: usize = 64;

/// A folder `config` with a neighbour `outside`, and what Kubernetes makes of a projected volume.
fn place() -> (TempDir, ConfinedFolder) {
    let place = TempDir::new().unwrap();
    let config = place.path().join("config");
    fs::create_dir_all(config.join("sub")).unwrap();
    fs::create_dir_all(config.join("..2024_01")).unwrap();
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::write(place.path().join("outside/token"), "outside").unwrap();
    fs::write(config.join("token"), "inside").unwrap();
    fs::write(config.join("sub/token"), "sub").unwrap();
    fs::write(config.join("..2024_01/projected"), "january").unwrap();
    symlink("..2024_01", config.join("..data")).unwrap();
    symlink("..data/projected", config.join("projected")).unwrap();
    symlink("../token", config.join("sub/up")).unwrap();
    symlink(config.join("token"), config.join("absolute")).unwrap();
    symlink("../outside/token", config.join("out")).unwrap();
    symlink(place.path().join("outside/token"), config.join("absolutely-out")).unwrap();
    symlink("../outside", config.join("folder-out")).unwrap();
    symlink("../config/token", config.join("out-and-in")).unwrap();
    symlink("loop", config.join("loop")).unwrap();
    symlink("nowhere", config.join("dangling")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        config.join("pipe"),
        rustix::fs::FileType::Fifo,
        Mode::RUSR,
        0,
    )
    .unwrap();
    let folder = ConfinedFolder::open(&config).unwrap();
    (place, folder)
}

/// Reads `path` as the product does, and without the kernel's help: both must say the same.
#[track_caller]
fn check(folder: &ConfinedFolder, path: &str, expected: Result<&str, &str>) {
    let said = |result: Result<Zeroizing<Vec<u8>>, ConfinedError>| match result {
        Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
        Err(error) => Err(error.to_string()),
    };
    let expected = expected.map(str::to_owned).map_err(|error| {
        error.replace("FOLDER", &format!("the config's folder {}", folder.0.path.display()))
    });
    assert_eq!(said(folder.file(path).and_then(|file| file.read(LIMIT))), expected, "{path}");

    let without_help = || {
        folder.0.confine(path)?;
        let file = ConfinedFile { folder: Arc::clone(&folder.0), path: path.to_owned() };
        file.open(|_, _| Err(Errno::NOSYS))
    };
    match (without_help(), expected) {
        (Ok(file), Ok(expected)) => {
            assert_eq!(**read_regular(file, LIMIT).unwrap(), *expected.as_bytes(), "{path}");
        }
        (Ok(file), Err(expected)) => {
            assert!(expected.ends_with("is not a regular file"), "{path} was opened: {expected}");
            assert!(matches!(read_regular(file, LIMIT), Err(ReadError::NotAFile)), "{path}");
        }
        (Err(error), expected) => assert_eq!(Err(error.to_string()), expected, "{path}"),
    }
}

#[test]
fn what_lies_inside_is_read() {
    let (_place, folder) = place();
    check(&folder, "token", Ok("inside"));
    check(&folder, "./token", Ok("inside"));
    check(&folder, "sub/token", Ok("sub"));
    check(&folder, "sub/../token", Ok("inside"));
    check(&folder, "sub//./token", Ok("sub"));
    check(&folder, "projected", Ok("january"));
    check(&folder, "..data/projected", Ok("january"));
    check(&folder, "sub/up", Ok("inside"));
    check(&folder, "absolute", Ok("inside"));
    check(&folder, "out-and-in", Ok("inside"));
}

#[test]
fn what_leaves_is_refused() {
    let (place, folder) = place();
    check(&folder, "../outside/token", Err("path `../outside/token` leaves FOLDER by .."));
    check(&folder, "sub/../../config/token", {
        Err("path `sub/../../config/token` leaves FOLDER by ..")
    });
    check(&folder, "..", Err("path `..` leaves FOLDER by .."));
    for path in ["/etc/passwd", place.path().join("config/token").to_str().unwrap()] {
        let expected = format!("path `{path}` is absolute, but must be relative to FOLDER");
        check(&folder, path, Err(&expected));
    }
    check(&folder, "out", Err("path `out` leaves FOLDER by a symbolic link"));
    check(&folder, "absolutely-out", {
        Err("path `absolutely-out` leaves FOLDER by a symbolic link")
    });
    check(&folder, "folder-out/token", {
        Err("path `folder-out/token` leaves FOLDER by a symbolic link")
    });
}

#[test]
fn what_is_no_file_is_refused() {
    let (_place, folder) = place();
    check(&folder, "pipe", Err("path `pipe` is not a regular file"));
    check(&folder, "sub", Err("path `sub` is not a regular file"));
    check(&folder, ".", Err("path `.` is not a regular file"));
    for path in ["missing", "dangling", "loop", "token/x"] {
        check(&folder, path, Err(&format!("cannot read file `{path}`")));
    }
    for path in ["pipe", "sub", "."] {
        assert!(matches!(folder.file(path), Err(ConfinedError::NotAFile { .. })), "{path}");
    }
    assert!(matches!(folder.file(""), Err(ConfinedError::Unreadable { .. })));
}

#[test]
fn a_file_ends_at_the_readers_bound() {
    let (_place, folder) = place();
    let file = folder.file("token").unwrap();
    assert_eq!(file.path(), "token");
    assert_eq!(**file.read("inside".len()).unwrap(), *b"inside");
    let error = file.read("inside".len() - 1).unwrap_err();
    assert_eq!(error.to_string(), "file `token` is larger than 5 bytes");
}

#[test]
fn each_read_sees_what_the_file_holds_now() {
    let (place, folder) = place();
    let config = place.path().join("config");
    let (file, projected) = (folder.file("token").unwrap(), folder.file("projected").unwrap());

    fs::write(config.join("new"), "renamed").unwrap();
    fs::rename(config.join("new"), config.join("token")).unwrap();
    assert_eq!(**file.read(LIMIT).unwrap(), *b"renamed");

    // As the kubelet rotates a volume.
    fs::create_dir(config.join("..2024_02")).unwrap();
    fs::write(config.join("..2024_02/projected"), "february").unwrap();
    symlink("..2024_02", config.join("..data_tmp")).unwrap();
    fs::rename(config.join("..data_tmp"), config.join("..data")).unwrap();
    fs::remove_dir_all(config.join("..2024_01")).unwrap();
    assert_eq!(**projected.read(LIMIT).unwrap(), *b"february");
}

#[test]
fn a_file_that_becomes_a_way_out_is_refused() {
    let (place, folder) = place();
    let file = folder.file("token").unwrap();
    let token = place.path().join("config/token");
    fs::remove_file(&token).unwrap();
    symlink("../outside/token", &token).unwrap();
    assert!(matches!(file.read(LIMIT), Err(ConfinedError::LinkLeaves { .. })));
}

#[test]
fn a_folder_must_be_one() {
    let (place, _folder) = place();
    for path in ["missing", "config/token"] {
        let path = place.path().join(path);
        let error = ConfinedFolder::open(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open folder {}", path.display()));
    }
    // A config beside us: `mirror.yaml` has the parent ``.
    assert!(ConfinedFolder::open(Path::new("")).unwrap().file("Cargo.toml").is_ok());
    // By a link to the folder, what the link's folder holds counts.
    symlink("config", place.path().join("link")).unwrap();
    let folder = ConfinedFolder::open(&place.path().join("link")).unwrap();
    check(&folder, "absolute", Ok("inside"));
}
