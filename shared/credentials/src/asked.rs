//! What was asked of a provider, and the errors that may come of it: all of one form, none with a secret.

#[cfg(any(feature = "aws", feature = "gcp", feature = "spiffe"))]
use std::error::Error;

use crate::provider::ProviderError;
use crate::{WebAnswer, WebError};

/// Of what a provider says of itself: enough for a sentence of a cloud and its number.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "spiffe"))]
const MAX_SAID_CHARS: usize = 240;
/// More causes than these are a loop.
#[cfg(any(feature = "aws", feature = "gcp", feature = "spiffe"))]
const MAX_CAUSES: usize = 16;

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

/// Returns an error and its causes.
#[cfg(any(feature = "aws", feature = "gcp", feature = "spiffe"))]
pub(crate) fn chain<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source()).take(MAX_CAUSES)
}

/// Says what an error and its causes say, in one short line.
#[cfg(any(feature = "aws", feature = "spiffe"))]
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in chain(error).map(ToString::to_string) {
        if said.last().is_none_or(|last| !last.contains(&cause)) {
            said.push(cause);
        }
    }
    line(&said.join(": "))
}

/// Makes one short line of what a provider says of itself; one that is cut ends in `…`.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "spiffe"))]
pub(crate) fn line(said: &str) -> String {
    let mut line = String::new();
    for word in said.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > MAX_SAID_CHARS {
            // A first word that is too long is no sentence.
            let rest: String = if line.is_empty() {
                word.chars().take(MAX_SAID_CHARS).collect()
            } else {
                " ".to_owned()
            };
            return line + &rest + "…";
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "spiffe"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_one_line_that_is_cut_between_words() {
        assert_eq!(line(" no\r\n  such   role "), "no such role");
        assert_eq!(line(""), "");
        let long = "word ".repeat(100);
        let cut = line(&long);
        assert!(cut.ends_with("word …") && cut.chars().count() <= MAX_SAID_CHARS + 1, "{cut}");
        assert_eq!(line(&"x".repeat(1000)), format!("{}…", "x".repeat(MAX_SAID_CHARS)));
    }
}
