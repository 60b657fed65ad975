//! Helm's `repositories.yaml`: what lets us into which chart repository.
//!
//! The file of whoever runs us, written by `helm repo add`. It is read anew at each question, so that a
//! login or a rotated mount is seen while a run goes on. One that is not there knows nothing; one that
//! cannot be read or understood is an error, since going on without it would be going on anonymously.
//! Nothing that is said of it shows a value.

mod file;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use mirror_credentials::Secret;
use mirror_transport::TlsError;
use url::Url;

use crate::yaml::Value;
use crate::{Entry, NoEntry, YamlError, urls};
pub(crate) use file::read;

/// The largest file that is read: some hundred repositories with their passwords.
const MAX_FILE_BYTES: usize = 1 << 20;

/// Where Helm keeps its chart repositories.
#[derive(Clone, Debug, Default)]
pub struct RepositoriesFile {
    path: Option<PathBuf>,
}

/// A chart repository as Helm knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) entry: Entry,
    pub(crate) user: Option<(String, Secret)>,
    pub(crate) authorities: Option<PathBuf>,
    /// A certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) skips_verification: bool,
    pub(crate) passes_credentials: bool,
}

/// What Helm's file says of a repository.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It knows it.
    Known(Box<Known>),
    /// It says nothing of it.
    None(NoEntry),
}

/// Why Helm's file, or one that it names, does not say what lets us in.
#[derive(Debug, thiserror::Error)]
pub enum RepositoriesError {
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that an entry names, and that cannot be read.
    #[error(
        "cannot read {}{}, the {field} of {entry}", path.display(), whence(path)
    )]
    Named {
        /// The file that is named.
        path: PathBuf,
        /// The field that names it.
        field: &'static str,
        /// The entry.
        entry: Entry,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("{entry} has {field} and no {missing}")]
    Half {
        /// The entry.
        entry: Entry,
        /// What is there.
        field: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A file that is larger than any such file.
    #[error("{} is larger than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is no YAML.
    #[error("{} is no YAML", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: YamlError,
    },
    /// A field is of another kind than Helm wants.
    #[error("`{field}` of {} is {found}, not {wanted}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, with those that it is in.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A file of certificates, or of a key, that is of no use.
    #[error("{} of repository `{}` cannot be used", path.display(), name.escape_default())]
    Tls {
        /// The file.
        path: PathBuf,
        /// The repository as Helm knows it.
        name: String,
        /// Why not.
        source: TlsError,
    },
}

/// Where Helm keeps its configuration below HOME, if nothing says where (`lazypath` of `helmpath`).
const BELOW_HOME: &str =
    if cfg!(target_os = "macos") { "Library/Preferences/helm" } else { ".config/helm" };

impl RepositoriesFile {
    /// Finds the file by `environment`, as Helm does; reads nothing.
    ///
    /// Heeded are `HELM_REPOSITORY_CONFIG`, `HELM_CONFIG_HOME`, `XDG_CONFIG_HOME` and `HOME`; empty is
    /// unset.
    pub fn from_environment(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        const FILE: &str = "repositories.yaml";
        let value = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = value("HELM_REPOSITORY_CONFIG")
            .or_else(|| value("HELM_CONFIG_HOME").map(|folder| folder.join(FILE)))
            .or_else(|| value("XDG_CONFIG_HOME").map(|folder| folder.join("helm").join(FILE)))
            .or_else(|| value("HOME").map(|folder| folder.join(BELOW_HOME).join(FILE)));
        Self { path }
    }

    /// Returns what the file says of a repository: the first entry with its URL, whatever the case of its
    /// host and a slash at its end.
    pub(crate) async fn ask(&self, repository: &Url) -> Result<Answer, RepositoriesError> {
        let Some(path) = self.path.clone() else { return Ok(Answer::None(NoEntry::NoPath)) };
        match read(&path, MAX_FILE_BYTES).await {
            Ok(bytes) => find(&bytes, &path, repository),
            Err(RepositoriesError::Unreadable { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Answer::None(NoEntry::NoFile { file: path }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Finds a repository in the file's content.
fn find(bytes: &[u8], path: &Path, repository: &Url) -> Result<Answer, RepositoriesError> {
    let fault = |field: String, found: &Value, wanted| RepositoriesError::Field {
        path: path.to_owned(),
        field,
        found: found.kind(),
        wanted,
    };
    let file = Value::read(bytes)
        .map_err(|source| RepositoriesError::Yaml { path: path.to_owned(), source })?;
    let fields =
        file.into_map().map_err(|other| fault("the document".to_owned(), &other, "a mapping"))?;
    let list = fields.unwrap_or_default().remove("repositories").unwrap_or_default();
    let entries =
        list.into_list().map_err(|other| fault("repositories".to_owned(), &other, "a list"))?;
    for (index, entry) in entries.unwrap_or_default().into_iter().enumerate() {
        let at = |field: &str| format!("repositories[{index}]{field}");
        let entry = entry.into_map().map_err(|other| fault(at(""), &other, "a mapping"))?;
        let Some(mut fields) = entry else { continue };
        let mut text = |field: &str| -> Result<Option<String>, RepositoriesError> {
            let value = fields.remove(field).unwrap_or_default();
            let text = value
                .into_text()
                .map_err(|other| fault(at(&format!(".{field}")), &other, "text"))?;
            Ok(text.filter(|text| !text.is_empty()))
        };
        let Some(url) = text("url")?.and_then(|url| Url::parse(&url).ok()) else { continue };
        if !is_same(&url, repository) {
            continue;
        }
        let user = user(&url, text("username")?, text("password")?.map(Secret::new));
        let entry = Entry { name: text("name")?.unwrap_or_default(), file: path.to_owned() };
        let authorities = text("caFile")?.map(PathBuf::from);
        let half =
            |field, missing| RepositoriesError::Half { entry: entry.clone(), field, missing };
        let identity = match (text("certFile")?, text("keyFile")?) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (Some(_), None) => return Err(half("certFile", "keyFile")),
            (None, Some(_)) => return Err(half("keyFile", "certFile")),
            (None, None) => None,
        };
        let mut flag = |field: &str| -> Result<bool, RepositoriesError> {
            let value = fields.remove(field).unwrap_or_default();
            let flag = value.into_bool();
            let flag =
                flag.map_err(|other| fault(at(&format!(".{field}")), &other, "a boolean"))?;
            Ok(flag.unwrap_or_default())
        };
        let skips_verification = flag("insecure_skip_tls_verify")?;
        let passes_credentials = flag("pass_credentials_all")?;
        return Ok(Answer::Known(Box::new(Known {
            entry,
            user,
            authorities,
            identity,
            skips_verification,
            passes_credentials,
        })));
    }
    let (file, repository) = (path.to_owned(), urls::shown(repository));
    Ok(Answer::None(NoEntry::Unknown { file, repository }))
}

/// Says from where a path leads that is not absolute.
fn whence(path: &Path) -> &'static str {
    if path.is_absolute() { "" } else { " (from the working directory)" }
}

/// Returns the user of an entry, who has both a name and a password: its own, or that of its URL.
fn user(url: &Url, username: Option<String>, password: Option<Secret>) -> Option<(String, Secret)> {
    username.zip(password).or_else(|| {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
        };
        let (username, password) = (decode(url.username())?, decode(url.password()?)?);
        (!username.is_empty()).then(|| (username, Secret::new(password)))
    })
}

/// Returns whether two URLs are of one repository. Parsing has made their hosts lower case, and left out
/// the port that goes without saying.
fn is_same(left: &Url, right: &Url) -> bool {
    let key = |url: &Url| {
        let path = url.path().trim_end_matches('/').to_owned();
        (url.origin(), path, url.query().map(str::to_owned))
    };
    key(left) == key(right)
}
