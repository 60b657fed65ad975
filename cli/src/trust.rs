//! Where the trusted root comes from by which signatures are judged.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mirror_transport::Transport;
use mirror_verify::{Trust, TrustSource};

use crate::environment::environment;
use crate::failure::Failed;

/// Returns the trusted root: a file's, where one is given, else the public-good instance's. Nothing is read
/// before a signature is to be judged.
pub(crate) fn trust(file: Option<&Path>, transport: &Transport) -> Result<Trust, Failed> {
    let source = match file.filter(|file| !file.as_os_str().is_empty()) {
        Some(file) => TrustSource::File(file.to_owned()),
        None => TrustSource::PublicGood { cache: cache(environment()) },
    };
    let client = transport
        .client("the Sigstore trusted root")
        .map_err(|error| Failed::because("cannot read a trusted root", &error))?;
    Ok(Trust::new(source, client, SystemTime::now))
}

/// Finds this program's folder for caches (XDG base directory specification); a relative path is none.
fn cache(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("flux-mirror"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: Option<&str>) {
        let find = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(cache(find), expected.map(PathBuf::from), "{environment:?}");
    }

    #[test]
    fn caches_lie_where_the_user_keeps_them() {
        check(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")], Some("/c/flux-mirror"));
        check(&[("HOME", "/h")], Some("/h/.cache/flux-mirror"));
        check(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")], Some("/h/.cache/flux-mirror"));
        check(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")], Some("/h/.cache/flux-mirror"));
        check(&[], None);
    }
}
