//! What was asked of a provider, and the errors that may come of it: all of one form, none with a secret.

use crate::provider::ProviderError;
use crate::{WebAnswer, WebError};

/// Of what a provider says of itself: enough for a sentence of a cloud and its number.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
const MAX_SAID_CHARS: usize = 160;

/// A question to a provider.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What was asked, of whom.
    pub(crate) what: String,
    /// What to check when nothing comes of it.
    pub(crate) check: &'static str,
}

impl Asked {
    /// It said no, or what it needs is not there.
    pub(crate) fn refused(&self, reason: impl Into<String>) -> ProviderError {
        let (asked, reason) = (self.what.clone(), reason.into());
        ProviderError::Refused { asked, reason, check: self.check }
    }

    /// It could not be asked, or had trouble of its own.
    pub(crate) fn unavailable(&self, reason: impl Into<String>) -> ProviderError {
        let (asked, reason) = (self.what.clone(), reason.into());
        ProviderError::Unavailable { asked, reason, check: self.check }
    }

    /// There is no answer.
    pub(crate) fn unanswered(&self, error: WebError) -> ProviderError {
        if error.may_pass { self.unavailable(error.reason) } else { self.refused(error.reason) }
    }

    /// Lets an answer pass that is one; of others it tells the status, and what they `said`.
    pub(crate) fn answered(
        &self,
        answer: WebAnswer,
        said: impl Fn(&WebAnswer) -> Option<String>,
    ) -> Result<WebAnswer, ProviderError> {
        let status = answer.status;
        if status == 200 {
            return Ok(answer);
        }
        let said = said(&answer).map(|said| format!(" ({said})")).unwrap_or_default();
        let reason = format!("it answered {status}{said}");
        Err(match status {
            408 | 429 | 500.. => self.unavailable(reason),
            _ => self.refused(reason),
        })
    }
}

/// Makes one short line of what a provider says of itself.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
pub(crate) fn line(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").chars().take(MAX_SAID_CHARS).collect()
}
