//! ID tokens of GitHub Actions and Forgejo Actions: the runner says where to ask, and by what right.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use url::Url;

use crate::asked::Asked;
use crate::provider::{Answer, Minted, Provider, ProviderError};
use crate::{Secret, Web, WebRequest, jwk};

#[cfg(test)]
mod tests;

/// Where the runner answers.
const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What it wants to see.
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// How long a token is thought to live that does not say: both forges give five minutes and more.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);

/// Whose runner it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Forge {
    GitHub,
    Forgejo,
}

/// The runner that this process is a job of, if it is one.
#[derive(Debug)]
pub(crate) struct Actions {
    forge: Forge,
    url: Option<String>,
    token: Option<Secret>,
    web: Web,
}

#[derive(Deserialize)]
struct Issued {
    value: Secret,
}

impl Forge {
    /// What lets a job have ID tokens.
    fn check(self) -> &'static str {
        match self {
            Self::GitHub => "that the job has `permissions: id-token: write`",
            Self::Forgejo => "that the job has `enable-openid-connect: true`",
        }
    }
}

impl Provider<[String], Minted> for Actions {
    fn ask<'p>(&'p self, audiences: &'p [String]) -> Answer<'p, Minted> {
        Box::pin(self.token(audiences))
    }
}

impl Actions {
    pub(crate) fn new(
        forge: Forge,
        environment: &dyn Fn(&str) -> Option<String>,
        web: Web,
    ) -> Self {
        let given = |name| environment(name).filter(|value: &String| !value.is_empty());
        Self { forge, url: given(URL), token: given(TOKEN).map(Secret::new), web }
    }

    /// Asks the runner for a token.
    async fn token(&self, audiences: &[String]) -> Result<Minted, ProviderError> {
        let what = format!("asking the runner for an ID token for {}", audiences.join(", "));
        let asked = Asked { what, check: self.forge.check() };
        let (Some(url), Some(token)) = (&self.url, &self.token) else {
            let name = if self.url.is_none() { URL } else { TOKEN };
            return Err(asked.refused(format!("{name} is not set")));
        };
        let mut url =
            Url::parse(url).map_err(|error| asked.refused(format!("{URL} is no URL ({error})")))?;
        for audience in audiences {
            url.query_pairs_mut().append_pair("audience", audience);
        }
        let bearer = Secret::new(format!("bearer {}", token.expose()));
        let request = WebRequest::get(url)
            .header("authorization", bearer)
            .public_header("accept", "application/json");
        let answer = self.web.ask(request).await.map_err(|error| asked.unanswered(error))?;
        let answer = asked.answered(answer, |_| None)?;
        let answer = serde_json::from_slice(&answer.body).ok();
        let Some(Issued { value }) = answer.filter(|Issued { value }| !value.expose().is_empty())
        else {
            return Err(asked.refused("its answer has no `value`"));
        };
        let life = jwk::life(value.expose(), SystemTime::now()).unwrap_or(DEFAULT_LIFE);
        Ok(Minted { token: value, by: None, life })
    }
}
