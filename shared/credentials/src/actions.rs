//! ID tokens of GitHub Actions and Forgejo Actions: the runner says where to ask, and by what right.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use url::Url;

use crate::provider::{Minted, ProviderError};
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
    url: Option<String>,
    token: Option<Secret>,
    web: Web,
}

#[derive(Deserialize)]
struct Answer {
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

impl Actions {
    pub(crate) fn new(environment: &dyn Fn(&str) -> Option<String>, web: Web) -> Self {
        let given = |name| environment(name).filter(|value: &String| !value.is_empty());
        Self { url: given(URL), token: given(TOKEN).map(Secret::new), web }
    }

    /// Asks the runner for a token.
    pub(crate) async fn token(
        &self,
        forge: Forge,
        audiences: &[String],
    ) -> Result<Minted, ProviderError> {
        let check = forge.check();
        let asked = || format!("asking the runner for an ID token for {}", audiences.join(", "));
        let refused = |reason| ProviderError::Refused { asked: asked(), reason, check };
        let (Some(url), Some(token)) = (&self.url, &self.token) else {
            let name = if self.url.is_none() { URL } else { TOKEN };
            return Err(refused(format!("{name} is not set")));
        };
        let mut url =
            Url::parse(url).map_err(|error| refused(format!("{URL} is no URL ({error})")))?;
        for audience in audiences {
            url.query_pairs_mut().append_pair("audience", audience);
        }
        let bearer = Secret::new(format!("bearer {}", token.expose()));
        let headers =
            vec![("authorization", bearer), ("accept", Secret::new("application/json".to_owned()))];
        let request = WebRequest { url: url.into(), headers, form: None };
        let answer = self.web.ask(request).await.map_err(|error| {
            let (asked, reason) = (asked(), error.reason);
            if error.may_pass {
                ProviderError::Unavailable { asked, reason, check }
            } else {
                ProviderError::Refused { asked, reason, check }
            }
        })?;
        match answer.status {
            200 => {}
            408 | 429 | 500.. => {
                let reason = format!("it answered {}", answer.status);
                return Err(ProviderError::Unavailable { asked: asked(), reason, check });
            }
            status => return Err(refused(format!("it answered {status}"))),
        }
        let answer = serde_json::from_slice(&answer.body).ok();
        let Some(Answer { value }) = answer.filter(|Answer { value }| !value.expose().is_empty())
        else {
            return Err(refused("its answer has no `value`".to_owned()));
        };
        let life = jwk::life(value.expose(), SystemTime::now()).unwrap_or(DEFAULT_LIFE);
        Ok(Minted { token: value, life })
    }
}
