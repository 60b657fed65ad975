//! Paths of OCI image layouts: inside the config's folder, or inside `--layout-root`.
//!
//! A layout may not exist yet: what does exist of its path is resolved, links and all, and the rest
//! is plain names. Nothing is opened or made here; a path that is found is absolute and without
//! links, as far as it existed.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use mirror_oci::LayoutPath;

/// What a layout's name begins with in a config.
pub(crate) const SCHEME: &str = "oci-layout://";

/// Where layouts may be.
#[derive(Debug)]
pub(crate) struct Layouts {
    folder: PathBuf,
    root: Option<PathBuf>,
}

/// Why a layout's path is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("a path is missing after oci-layout://")]
    Empty,
    #[error("path `{path}` holds a control character")]
    Control { path: String },
    #[error("path `{path}` is absolute and outside of {}", absolute_place(folder, root.as_deref()))]
    Absolute { path: String, folder: PathBuf, root: Option<PathBuf> },
    #[error("path `{path}` leaves {} by ..", place(folder, root.as_deref()))]
    Climbs { path: String, folder: PathBuf, root: Option<PathBuf> },
    #[error("path `{path}` leaves {} by a symbolic link", place(folder, root.as_deref()))]
    LinkLeaves { path: String, folder: PathBuf, root: Option<PathBuf> },
    #[error("cannot resolve path `{path}`")]
    Unresolved { path: String, source: io::Error },
}

fn absolute_place(folder: &Path, root: Option<&Path>) -> String {
    match root {
        None => format!(
            "--layout-root, which is not given: write it relative to the config's folder {}",
            folder.display()
        ),
        Some(root) => format!("--layout-root {}", root.display()),
    }
}

fn place(folder: &Path, root: Option<&Path>) -> String {
    match root {
        None => {
            format!("the config's folder {} (--layout-root allows another)", folder.display())
        }
        Some(root) => {
            format!(
                "both the config's folder {} and --layout-root {}",
                folder.display(),
                root.display()
            )
        }
    }
}

impl Layouts {
    /// Allows layouts inside `folder` and, if there is one, inside `root`.
    ///
    /// # Errors
    ///
    /// The folder that cannot be resolved, and why.
    pub(crate) fn new(folder: &Path, root: Option<&Path>) -> Result<Self, (PathBuf, io::Error)> {
        let canonical =
            |path: &Path| fs::canonicalize(path).map_err(|error| (path.to_owned(), error));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Ok(Self { folder: canonical(folder)?, root: root.map(canonical).transpose()? })
    }

    /// Returns the layout at `path`, a text without its `oci-layout://`.
    pub(crate) fn resolve(&self, path: &str) -> Result<LayoutPath, LayoutError> {
        if path.is_empty() {
            return Err(LayoutError::Empty);
        }
        if path.chars().any(char::is_control) {
            return Err(LayoutError::Control { path: path.to_owned() });
        }
        let resolved = resolve_existing(&self.folder, Path::new(path))
            .map_err(|source| LayoutError::Unresolved { path: path.to_owned(), source })?;
        let is_inside = |folder: &PathBuf| resolved.starts_with(folder);
        if self.root.as_ref().is_some_and(is_inside) {
            return Ok(LayoutPath::new(resolved));
        }
        let (text, folder, root) = (path.to_owned(), self.folder.clone(), self.root.clone());
        if Path::new(path).is_absolute() {
            return Err(LayoutError::Absolute { path: text, folder, root });
        }
        if climbs(Path::new(path)) {
            return Err(LayoutError::Climbs { path: text, folder, root });
        }
        if !is_inside(&self.folder) {
            return Err(LayoutError::LinkLeaves { path: text, folder, root });
        }
        Ok(LayoutPath::new(resolved))
    }
}

/// Returns whether a relative path leaves where it begins, whatever the disk holds.
fn climbs(path: &Path) -> bool {
    let mut depth = 0_usize;
    path.components().any(|component| match component {
        Component::Normal(_) => {
            depth += 1;
            false
        }
        Component::ParentDir if depth == 0 => true,
        Component::ParentDir => {
            depth -= 1;
            false
        }
        Component::Prefix(_) | Component::RootDir | Component::CurDir => false,
    })
}

/// Resolves `path` from `folder`, component by component, as the system would; what does not exist
/// is taken by its name.
fn resolve_existing(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut resolved = folder.to_owned();
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => resolved.push(component),
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => {
                resolved.push(name);
                match fs::symlink_metadata(&resolved) {
                    Ok(metadata) if metadata.is_symlink() => {
                        resolved = fs::canonicalize(&resolved)?;
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Disk {
        _folder: tempfile::TempDir,
        base: PathBuf,
    }

    fn disk() -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        for path in ["config/there", "root/there", "outside"] {
            fs::create_dir_all(base.join(path)).unwrap();
        }
        fs::write(base.join("config/file"), "").unwrap();
        for (link, target) in [
            ("config/out", "../outside"),
            ("config/in", "there"),
            ("config/to-root", "../root"),
            ("config/dangling", "../nowhere"),
            ("root/out", "../outside"),
        ] {
            std::os::unix::fs::symlink(target, base.join(link)).unwrap();
        }
        Disk { _folder: folder, base }
    }

    impl Disk {
        #[track_caller]
        fn check(&self, with_root: bool, path: &str, expected: &str) {
            let root = self.base.join("root");
            let root = with_root.then_some(root.as_path());
            let layouts = Layouts::new(&self.base.join("config"), root).unwrap();
            let base = self.base.to_str().unwrap();
            let found = match layouts.resolve(&path.replace("BASE", base)) {
                Ok(layout) => layout.as_path().to_str().unwrap().to_owned(),
                Err(error) => format!("error: {}", crate::error::chain(&error)),
            };
            assert_eq!(found.replace(base, "BASE"), expected, "{path}");
        }
    }

    #[test]
    fn a_layout_stays_inside_the_folder() {
        let disk = disk();
        let place = "the config's folder BASE/config (--layout-root allows another)";
        disk.check(false, "new", "BASE/config/new");
        disk.check(false, "./new/deep/", "BASE/config/new/deep");
        disk.check(false, ".", "BASE/config");
        disk.check(false, "there/new", "BASE/config/there/new");
        disk.check(false, "in/new", "BASE/config/there/new");
        disk.check(false, "there/../new", "BASE/config/new");
        disk.check(false, "new/../other", "BASE/config/other");
        disk.check(false, "", "error: a path is missing after oci-layout://");
        disk.check(false, "../root/x", &format!("error: path `../root/x` leaves {place} by .."));
        disk.check(
            false,
            "there/../../config/x",
            &format!("error: path `there/../../config/x` leaves {place} by .."),
        );
        disk.check(
            false,
            "BASE/config/x",
            "error: path `BASE/config/x` is absolute and outside of --layout-root, which is not \
             given: write it relative to the config's folder BASE/config",
        );
        disk.check(
            false,
            "out/x",
            &format!("error: path `out/x` leaves {place} by a symbolic link"),
        );
        disk.check(false, "in/../../x", &format!("error: path `in/../../x` leaves {place} by .."));
        disk.check(
            false,
            "dangling",
            "error: cannot resolve path `dangling`: No such file or directory (os error 2)",
        );
        disk.check(
            false,
            "file/x",
            "error: cannot resolve path `file/x`: Not a directory (os error 20)",
        );
        disk.check(false, "a\u{1b}b", "error: path `a\\u{1b}b` holds a control character");
    }

    #[test]
    fn or_inside_the_root() {
        let disk = disk();
        let place = "both the config's folder BASE/config and --layout-root BASE/root";
        disk.check(true, "new", "BASE/config/new");
        disk.check(true, "../root/x", "BASE/root/x");
        disk.check(true, "BASE/root/x", "BASE/root/x");
        disk.check(true, "BASE/root/there/../x", "BASE/root/x");
        disk.check(true, "to-root/x", "BASE/root/x");
        disk.check(
            true,
            "BASE/root/out/x",
            "error: path `BASE/root/out/x` is absolute and outside of --layout-root BASE/root",
        );
        disk.check(true, "../outside", &format!("error: path `../outside` leaves {place} by .."));
        disk.check(true, "out", &format!("error: path `out` leaves {place} by a symbolic link"));
    }

    #[test]
    fn a_root_that_is_not_there_is_named() {
        let disk = disk();
        let root = disk.base.join("nowhere");
        let (path, _) = Layouts::new(&disk.base, Some(&root)).unwrap_err();
        assert_eq!(path, root);
    }
}
