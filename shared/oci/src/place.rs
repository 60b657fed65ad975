//! Where a repository's content lives: in a registry, or in an OCI image layout on disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{Digest, InvalidHost, InvalidName, RegistryHost, RepositoryName, Tag};

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryRef {
    /// The registry.
    pub host: RegistryHost,
    /// The repository in it.
    pub name: RepositoryName,
}

/// A text that is no repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRepository {
    /// It begins with a scheme.
    #[error("`{scheme}://` does not belong here, write the repository without it")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// No registry host stands before the first slash.
    #[error("`{}` names no registry host (for Docker Hub: docker.io/…)", text.escape_default())]
    NoHost {
        /// The start of the text.
        text: String,
    },
    /// It ends with a tag.
    #[error("`{}` ends with a tag or port, a repository alone is wanted", text.escape_default())]
    Tagged {
        /// The start of the text.
        text: String,
    },
    /// It ends with a digest.
    #[error("`{}` ends with a digest, a repository alone is wanted", text.escape_default())]
    Digested {
        /// The start of the text.
        text: String,
    },
    /// Upper case is in it.
    #[error("`{}` has upper case in it, repositories are lower case", text.escape_default())]
    UpperCase {
        /// The start of the text.
        text: String,
    },
    /// The part before the first slash is no host.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The part after the first slash is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl FromStr for RepositoryRef {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = || text.chars().take(160).collect::<String>();
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(InvalidRepository::Scheme { scheme: scheme.chars().take(32).collect() });
        }
        if text.contains('@') {
            return Err(InvalidRepository::Digested { text: start() });
        }
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(InvalidRepository::UpperCase { text: start() });
        }
        let (host, name) =
            text.split_once('/').ok_or_else(|| InvalidRepository::NoHost { text: start() })?;
        // As everywhere in the field: a first part without dot, colon or `localhost` is no host.
        if !host.contains(['.', ':', '[']) && host != "localhost" {
            return Err(InvalidRepository::NoHost { text: start() });
        }
        if name.contains(':') {
            return Err(InvalidRepository::Tagged { text: start() });
        }
        let host: RegistryHost = host.parse()?;
        let name = if host.is_docker_hub() && !name.contains('/') {
            format!("library/{name}").parse()?
        } else {
            name.parse()?
        };
        Ok(Self { host, name })
    }
}

impl fmt::Display for RepositoryRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.name)
    }
}

/// The folder of an OCI image layout.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutPath(PathBuf);

impl LayoutPath {
    /// Takes a path that was found to be inside the folder it is confined to.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns the folder.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for LayoutPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oci-layout://{}", self.0.display())
    }
}

/// Where a repository's content lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In a registry.
    Registry(RepositoryRef),
    /// In a layout on disk.
    Layout(LayoutPath),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(repository) => repository.fmt(formatter),
            Self::Layout(path) => path.fmt(formatter),
        }
    }
}

/// A tag in a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagRef {
    /// The repository.
    pub place: Place,
    /// The tag in it.
    pub tag: Tag,
}

impl fmt::Display for TagRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.place, self.tag)
    }
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By a tag, which may move.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match text.parse::<RepositoryRef>() {
            Ok(repository) => repository.to_string(),
            Err(error) => format!("error: {error}"),
        };
        assert!(shown.starts_with(expected), "{text}: {shown}");
    }

    #[test]
    fn reads_repositories() {
        check("ghcr.io/fluxcd/source-controller", "ghcr.io/fluxcd/source-controller");
        check("localhost/app", "localhost/app");
        check("localhost:5000/a/b", "localhost:5000/a/b");
        check("[::1]:5000/a", "[::1]:5000/a");
        check("docker.io/nginx", "docker.io/library/nginx");
        check("index.docker.io/a/b", "docker.io/a/b");
        check("oci://ghcr.io/a", "error: `oci://` does not belong here");
        check("https://ghcr.io/a", "error: `https://` does not belong here");
        check("nginx", "error: `nginx` names no registry host");
        check("library/nginx", "error: `library/nginx` names no registry host");
        check("ghcr.io/a:1", "error: `ghcr.io/a:1` ends with a tag");
        check("ghcr.io/a@sha256:00", "error: `ghcr.io/a@sha256:00` ends with a digest");
        check("ghcr.io/A", "error: `ghcr.io/A` has upper case");
        check("ghcr.io/a//b", "error: `a//b` is no repository name");
        check("ghcr.io/", "error: `` is no repository name");
        check("a..b/c", "error: `a..b` is no registry host");
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = text.parse::<RepositoryRef>();
            let _ = text.parse::<Digest>();
            let _ = text.parse::<Tag>();
        }

        #[test]
        fn what_is_printed_reads_the_same(name in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){1,3}") {
            let repository: RepositoryRef = format!("ghcr.io/{name}").parse().unwrap();
            proptest::prop_assert_eq!(repository.to_string().parse::<RepositoryRef>().unwrap(), repository);
        }
    }
}
