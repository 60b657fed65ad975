//! What an entry's path says: whether it is a file that is read, and whether it may be there at all.

use super::ArchiveError;
use super::tar::{Entry, Kind};

/// What an entry is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Chart.yaml of the top folder, whatever that is called.
    Chart,
    /// requirements.yaml of the top folder.
    Requirements,
    /// Anything else.
    Elsewhere,
}

/// Judges an entry by its path, and a link by where it leads.
pub(super) fn judge(entry: &Entry) -> Result<Place, ArchiveError> {
    let path = Path::parse(&entry.name).map_err(|reason| fault(&entry.name, reason))?;
    match entry.kind {
        Kind::Folder => return Ok(Place::Elsewhere),
        Kind::File => {}
        Kind::SymbolicLink => {
            path.follow(&entry.target).map_err(|reason| fault(&entry.target, reason))?;
        }
        Kind::HardLink => {
            Path::parse(&entry.target).map_err(|reason| fault(&entry.target, reason))?;
        }
        Kind::Device => return Err(fault(&entry.name, "is a device")),
    }
    if path.is_rooted {
        return Err(fault(&entry.name, "is absolute in its folder"));
    }
    match path.below.as_slice() {
        [] => Err(fault(&entry.name, "lies outside the chart's folder")),
        ["Chart.yaml"] => Ok(Place::Chart),
        ["requirements.yaml"] => Ok(Place::Requirements),
        _ => Ok(Place::Elsewhere),
    }
}

/// A path, taken apart as Helm does.
struct Path<'p> {
    /// Whether what is below the top folder begins at a root, as in `app//x`.
    is_rooted: bool,
    /// What is below the top folder.
    below: Vec<&'p str>,
}

impl<'p> Path<'p> {
    fn parse(path: &'p str) -> Result<Self, &'static str> {
        // Archives that Windows made are parted by backslashes, and then by those alone.
        let separator = if path.contains('\\') { '\\' } else { '/' };
        if path.starts_with(['/', '\\']) {
            return Err("is absolute");
        }
        let (top, below) = path.split_once(separator).unwrap_or((path, ""));
        let parts = || path.split(['/', '\\']);
        if parts().any(|part| part == "..") {
            return Err("climbs out of its folder");
        }
        let is_drive =
            |part: &str| matches!(part.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic());
        if is_drive(top) || parts().nth(1).is_some_and(is_drive) {
            return Err("names a drive");
        }
        let is_rooted = below.starts_with(['/', separator]);
        let below: Vec<&str> =
            below.split(['/', separator]).filter(|part| !matches!(*part, "" | ".")).collect();
        if below.first().is_some_and(|first| first.starts_with("..")) {
            return Err("begins with two dots in its folder");
        }
        Ok(Self { is_rooted, below })
    }

    /// Follows a link that stands here; it has to stay inside the top folder's own folder.
    fn follow(&self, target: &str) -> Result<(), &'static str> {
        if target.starts_with(['/', '\\']) {
            return Err("is absolute");
        }
        // The folder that the link is in, and the top folder above it.
        let mut depth = self.below.len();
        for part in target.split(['/', '\\']) {
            depth = match part {
                "" | "." => depth,
                ".." if depth <= 1 => return Err("climbs out of the chart's folder"),
                ".." => depth - 1,
                _ => depth + 1,
            };
        }
        Ok(())
    }
}

fn fault(path: &str, reason: &'static str) -> ArchiveError {
    let path = path.chars().take(160).flat_map(char::escape_default).collect();
    ArchiveError::Path { path, reason }
}
