//! Microsoft Entra: who we are there, by the first of four sources that says so.
//!
//! In this order: a client's secret in the environment, the federated token of a workload, the managed
//! identity of a machine or app, the Azure CLI. Any failure goes on to the next; where all fail, the error
//! lists what each said. What is then made of a token, a password of ACR, is in a file of its own.

mod acr;
mod cli;
mod entra;
mod managed;

use std::time::Duration;

use mirror_oci::RegistryHost;

use crate::asked::Asked;
use crate::program::Programs;
use crate::provider::{Answer, Login, Minted, Provider, ProviderError};
use crate::{Secret, Web, WebAnswer, WebError, oauth};

use self::entra::{Assertion, Entra};
use self::managed::Managed;

/// What lets this process be somebody.
const CHECK: &str = "one of these: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or \
                     AZURE_FEDERATED_TOKEN_FILE, a managed identity, `az login`";

/// Entra, as this process sees it.
#[derive(Debug)]
pub(crate) struct Azure {
    web: Web,
    entra: Option<Entra>,
    /// Which of them is missing.
    missing: &'static str,
    secret: Option<Secret>,
    token_file: Option<String>,
    managed: Managed,
    programs: Programs,
}

impl Provider<[String], Minted> for Azure {
    fn ask<'p>(&'p self, audiences: &'p [String]) -> Answer<'p, Minted> {
        Box::pin(self.token(audiences))
    }
}

impl Provider<RegistryHost, Login> for Azure {
    fn ask<'p>(&'p self, host: &'p RegistryHost) -> Answer<'p, Login> {
        Box::pin(self.login(host))
    }
}

impl Azure {
    /// Takes from `environment` who we are; asks nobody.
    pub(crate) fn new(environment: &dyn Fn(&str) -> Option<String>, web: Web) -> Self {
        let given = |name: &str| environment(name).filter(|value| !value.is_empty());
        let (tenant, client) = (given("AZURE_TENANT_ID"), given("AZURE_CLIENT_ID"));
        let missing = if tenant.is_none() { "AZURE_TENANT_ID" } else { "AZURE_CLIENT_ID" };
        let authority = given("AZURE_AUTHORITY_HOST");
        let entra = tenant.zip(client.clone());
        let entra = entra.map(|(tenant, client)| Entra { authority, tenant, client });
        Self {
            web,
            entra,
            missing,
            secret: given("AZURE_CLIENT_SECRET").map(Secret::new),
            token_file: given("AZURE_FEDERATED_TOKEN_FILE"),
            managed: Managed::new(&given, client),
            programs: Programs::new(&given("PATH").unwrap_or_default()),
        }
    }

    /// Asks for a token for an audience.
    async fn token(&self, audiences: &[String]) -> Result<Minted, ProviderError> {
        let audience = audiences.first().map(String::as_str).unwrap_or_default();
        let what = format!("asking Microsoft Entra for a token for {audience}");
        self.identify(&Asked { what, check: CHECK }, entra::AUTHORITY, audience).await
    }

    /// Asks for a password to one of ACR's registries.
    async fn login(&self, host: &RegistryHost) -> Result<Login, ProviderError> {
        let cloud = acr::Sovereign::of(host.as_str());
        let what = format!("asking Microsoft Entra for a token for {host}");
        let asked = Asked { what, check: CHECK };
        let Minted { token, by, .. } =
            self.identify(&asked, cloud.authority, cloud.resource).await?;
        acr::exchange(&self.web, host, &token, by).await
    }

    /// Asks the sources in turn. `authority` is where Entra is if the environment does not say.
    async fn identify(
        &self,
        asked: &Asked,
        authority: &str,
        resource: &str,
    ) -> Result<Minted, ProviderError> {
        let resource = resource.trim_end_matches('/');
        let scope = format!("{resource}/.default");
        let mut failures = Failures::default();
        let minted = |by: &str, (token, life)| Minted { token, by: Some(by.to_owned()), life };
        match self.environment(authority, &scope).await {
            Ok(given) => return Ok(minted("environment", given)),
            Err(error) => failures.add("environment", &error),
        }
        match self.workload(authority, &scope).await {
            Ok(given) => return Ok(minted("workload identity", given)),
            Err(error) => failures.add("workload identity", &error),
        }
        match self.managed.token(&self.web, resource).await {
            Ok(given) => return Ok(minted("managed identity", given)),
            Err(error) => failures.add("managed identity", &error),
        }
        match cli::token(&self.programs, &scope).await {
            Ok(given) => return Ok(minted("Azure CLI", given)),
            Err(error) => failures.add("Azure CLI", &error),
        }
        let Failures { said, may_pass } = failures;
        let said = said.join("; ");
        Err(if may_pass { asked.unavailable(said) } else { asked.refused(said) })
    }

    async fn environment(&self, authority: &str, scope: &str) -> Result<Given, Failure> {
        let entra = self.entra.as_ref().ok_or_else(|| Failure::missing(self.missing))?;
        let secret = self.secret.as_ref().ok_or_else(|| Failure::missing("AZURE_CLIENT_SECRET"))?;
        entra.token(&self.web, authority, scope, Assertion::Secret(secret)).await
    }

    async fn workload(&self, authority: &str, scope: &str) -> Result<Given, Failure> {
        let entra = self.entra.as_ref().ok_or_else(|| Failure::missing(self.missing))?;
        let file = self.token_file.as_ref();
        let file = file.ok_or_else(|| Failure::missing("AZURE_FEDERATED_TOKEN_FILE"))?;
        let token = entra::federated(file).await?;
        entra.token(&self.web, authority, scope, Assertion::Federated(&token)).await
    }
}

/// A token, and how long it lives.
type Given = (Secret, Duration);

/// Why a source gave nothing.
#[derive(Debug)]
struct Failure {
    reason: String,
    may_pass: bool,
}

/// Why all of them gave nothing.
#[derive(Default)]
struct Failures {
    said: Vec<String>,
    may_pass: bool,
}

impl Failure {
    fn missing(variable: &str) -> Self {
        Self { reason: format!("{variable} is not set"), may_pass: false }
    }

    fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_pass: false }
    }

    fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_pass: true }
    }
}

impl Failures {
    fn add(&mut self, source: &str, failure: &Failure) {
        self.said.push(format!("{source}: {}", failure.reason));
        self.may_pass |= failure.may_pass;
    }
}

impl From<WebError> for Failure {
    fn from(WebError { reason, may_pass }: WebError) -> Self {
        Self { reason, may_pass }
    }
}

/// Understands the answer of Entra or of a metadata service.
fn read(answer: &WebAnswer) -> Result<Given, Failure> {
    if answer.status != 200 {
        let said = oauth::fault(answer).map(|said| format!(" ({said})")).unwrap_or_default();
        let reason = format!("it answered {}{said}", answer.status);
        let may_pass = matches!(answer.status, 408 | 429 | 500..);
        return Err(Failure { reason, may_pass });
    }
    oauth::token(answer).ok_or_else(|| Failure::lasting("its answer has no token"))
}
