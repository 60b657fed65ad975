//! Application Default Credentials: which file says who we are, and of what kind it is.

use std::fmt;

use serde_json::Value;
use url::Url;

use crate::file::MAX_SECRET_BYTES;
use crate::read::environment_file;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Where gcloud writes, below HOME.
const WELL_KNOWN: &str = ".config/gcloud/application_default_credentials.json";

/// The fields of a file that say where its secrets are shown.
const URLS: [&str; 3] = ["token_uri", "token_url", "service_account_impersonation_url"];

/// Where to look.
#[derive(Debug)]
pub(super) struct Adc {
    /// The file that the environment names: it has to be there.
    named: Option<String>,
    /// The file of gcloud, if there is one.
    known: Option<String>,
}

/// Who we are.
#[derive(Debug)]
pub(super) enum Identity {
    /// The service account of this machine.
    Machine,
    /// What a file says.
    File {
        /// Of what kind it is.
        kind: Kind,
        /// All of it.
        content: Value,
        /// Where it is.
        path: String,
    },
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The key of a service account.
    ServiceAccount,
    /// Somebody else's identity, for which Google has a token.
    ExternalAccount,
    /// Somebody who may be a service account.
    Impersonated,
    /// A user who has logged in.
    User,
}

impl Adc {
    pub(super) fn new(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let given = |name: &str| environment(name).filter(|value| !value.is_empty());
        let folder = given("CLOUDSDK_CONFIG");
        let known = match folder {
            Some(folder) => Some(format!("{folder}/application_default_credentials.json")),
            None => given("HOME").map(|home| format!("{home}/{WELL_KNOWN}")),
        };
        Self { named: given(VARIABLE), known }
    }

    /// Reads who we are now; says why not, and quotes nothing.
    pub(super) async fn identity(&self) -> Result<Identity, String> {
        let path = match (&self.named, &self.known) {
            (Some(named), _) => named,
            (None, Some(known)) if tokio::fs::try_exists(known).await.unwrap_or(true) => known,
            (None, _) => return Ok(Identity::Machine),
        };
        let bytes = environment_file(path, MAX_SECRET_BYTES).await?;
        // The parser's own message could show a key.
        let content: Value =
            serde_json::from_slice(&bytes).map_err(|_error| "the file is no JSON".to_owned())?;
        let kind = match content.get("type").and_then(Value::as_str) {
            Some("service_account") => Kind::ServiceAccount,
            Some("external_account") => Kind::ExternalAccount,
            Some("impersonated_service_account") => Kind::Impersonated,
            Some("authorized_user") => Kind::User,
            Some(_) | None => {
                let known = "service_account, external_account, impersonated_service_account and \
                             authorized_user";
                return Err(format!("the file's `type` is none of {known}"));
            }
        };
        if let Some(field) = stranger(&content) {
            return Err(format!("the file's `{field}` is no https URL of Google's"));
        }
        Ok(Identity::File { kind, content, path: path.clone() })
    }
}

/// Returns the first field with a URL at which secrets of the file would be shown to somebody who is not Google.
/// Google's library follows redirects, wherever they lead; Google's own hosts are trusted not to send them.
fn stranger(content: &Value) -> Option<&'static str> {
    let own = |field: &&str| match content.get(*field) {
        None => false,
        Some(value) => !value.as_str().is_some_and(is_googles),
    };
    let found = URLS.into_iter().find(own);
    found.or_else(|| stranger(content.get("source_credentials")?))
}

/// Returns whether a URL is of https, and at one of Google's hosts for tokens: `*.googleapis.com`, or the one that
/// files of years ago name.
fn is_googles(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && url.username().is_empty()
        && (host.ends_with(".googleapis.com") || host == "accounts.google.com")
}

/// Says who it is: a file, or this machine.
impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => formatter.write_str("the metadata server"),
            Self::File { path, .. } => formatter.write_str(path),
        }
    }
}

/// Says where it looks.
impl fmt::Display for Adc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.named, &self.known) {
            (Some(named), _) => write!(formatter, "{VARIABLE} ({named})"),
            (None, Some(known)) => write!(formatter, "{known} or the metadata server"),
            (None, None) => formatter.write_str("the metadata server"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_of_a_file_are_for_google_alone() {
        for url in [
            "https://sts.googleapis.com/v1/token",
            "https://oauth2.googleapis.com/token",
            "https://sts.us-east1.rep.googleapis.com/v1/token",
            "https://accounts.google.com/o/oauth2/token",
        ] {
            assert_eq!(stranger(&json!({"token_url": url, "token_uri": url})), None, "{url}");
        }
        for url in [
            "http://sts.googleapis.com/v1/token",
            "https://googleapis.com.example.org/",
            "https://evilgoogleapis.com/",
            "https://sts.googleapis.com@example.org/",
            "https://me@sts.googleapis.com/",
            "https://example.org/.googleapis.com",
            "sts.googleapis.com",
            "",
        ] {
            assert_eq!(stranger(&json!({"token_uri": url})), Some("token_uri"), "{url}");
            let nested = json!({"source_credentials": {"token_url": url}});
            assert_eq!(stranger(&nested), Some("token_url"), "{url}");
        }
        assert_eq!(stranger(&json!({"token_uri": 1})), Some("token_uri"));
        let impersonates = json!({"service_account_impersonation_url": "http://127.0.0.1/"});
        assert_eq!(stranger(&impersonates), Some("service_account_impersonation_url"));
    }
}
