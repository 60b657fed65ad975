//! The managed identity of a machine, by the metadata service, or of an app, by what its environment names.

use std::time::Duration;

use url::Url;

use super::{Failure, Given, read};
use crate::{Secret, Web, WebRequest};

/// The metadata service's host, but where the environment knows another.
const METADATA: &str = "http://169.254.169.254";
/// Whether there is a metadata service at all has to be known soon: elsewhere its address is nobody's.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Its answer; it asks Entra, and mints.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// Where a managed identity is to be had.
#[derive(Debug)]
pub(super) struct Managed {
    metadata: String,
    app: Option<App>,
    /// Which of several identities.
    client: Option<String>,
}

/// What the environment of an app says.
#[derive(Debug)]
struct App {
    endpoint: String,
    header: Secret,
}

impl Managed {
    /// `given` is the environment; `client` the identity's id, where there are several.
    pub(super) fn new(given: &dyn Fn(&str) -> Option<String>, client: Option<String>) -> Self {
        let app = given("IDENTITY_ENDPOINT").zip(given("IDENTITY_HEADER"));
        let app = app.map(|(endpoint, header)| App { endpoint, header: Secret::new(header) });
        let metadata = given("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        Self { metadata: metadata.unwrap_or_else(|| METADATA.to_owned()), app, client }
    }

    /// Asks for a token for a resource.
    pub(super) async fn token(&self, web: &Web, resource: &str) -> Result<Given, Failure> {
        let request = match &self.app {
            Some(App { endpoint, header }) => {
                let url = self.url(endpoint, "2019-08-01", resource)?;
                WebRequest::get(url).header("x-identity-header", header.clone())
            }
            None => {
                let endpoint = format!(
                    "{}/metadata/identity/oauth2/token",
                    self.metadata.trim_end_matches('/')
                );
                let url = self.url(&endpoint, "2018-02-01", resource)?;
                probe(web, &url).await?;
                WebRequest::get(url).public_header("metadata", "true")
            }
        };
        read(&web.ask_within(ANSWER_TIMEOUT, request).await?)
    }

    fn url(&self, endpoint: &str, version: &str, resource: &str) -> Result<Url, Failure> {
        let url = Url::parse(endpoint);
        let mut url = url.map_err(|_error| Failure::lasting("its endpoint is no URL"))?;
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .append_pair("resource", resource)
            .extend_pairs(self.client.iter().map(|client| ("client_id", client)));
        Ok(url)
    }
}

/// Finds out whether there is a metadata service: it refuses a question without its header, at once.
async fn probe(web: &Web, url: &Url) -> Result<(), Failure> {
    let request = WebRequest::get(url.clone());
    match web.ask_within(PROBE_TIMEOUT, request).await {
        Ok(_answer) => Ok(()),
        Err(error) => Err(Failure::lasting(format!("no metadata service ({error})"))),
    }
}
