//! Application Default Credentials: which file says who we are, and of what kind it is.

use std::fmt;

use serde_json::Value;

use crate::file::MAX_SECRET_BYTES;
use crate::read::environment_file;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Where gcloud writes, below HOME.
const WELL_KNOWN: &str = ".config/gcloud/application_default_credentials.json";

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
        let bytes = match (&self.named, &self.known) {
            (Some(named), _) => environment_file(named, MAX_SECRET_BYTES).await?,
            (None, Some(known)) if tokio::fs::try_exists(known).await.unwrap_or(true) => {
                environment_file(known, MAX_SECRET_BYTES).await?
            }
            (None, _) => return Ok(Identity::Machine),
        };
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
        Ok(Identity::File { kind, content })
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
