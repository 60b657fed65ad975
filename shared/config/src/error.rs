//! Why a config is refused: every reason at once, a line each.
//!
//! No text here holds a value that came out of the environment, or a line of the config: both may
//! be secrets.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::document::Document;
use crate::load::ConfigSource;
use crate::position::Fault;

/// Reasons that are shown; whoever mends these may ask again.
const MAX_REASONS: usize = 1000;
/// Causes below an error that are shown; a longer chain is a loop.
const MAX_CAUSES: usize = 16;

/// One reason to refuse a config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The config, or the folder it names files in, cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The config is too large.
    #[error("{file} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The config.
        file: String,
        /// The bound.
        limit_bytes: usize,
    },
    /// The config is no text.
    #[error("{file} is not UTF-8 text")]
    NotText {
        /// The config.
        file: String,
    },
    /// Something is wrong at a place of the text.
    #[error("{file}:{line}:{column}: {message}")]
    Text {
        /// The config.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A field says what it must not.
    #[error("{path}: {message}")]
    Violation {
        /// The field: `hosts[0].credential`.
        path: String,
        /// What is wrong with it, and what is behind that.
        message: String,
    },
    /// There are more reasons than are shown.
    #[error("and {count} more")]
    More {
        /// How many.
        count: usize,
    },
}

/// All reasons to refuse a config; there is at least one. Of more than a thousand the rest is
/// counted.
#[derive(Debug)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// Returns the reasons: of the text, or of its fields, artifacts before charts before hosts.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    /// Returns a line for each reason, its causes included.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|error| chain(error))
    }
}

impl ConfigErrors {
    /// Says what is wrong at places of the text of `source`.
    pub(crate) fn from_faults(faults: Vec<Fault>, source: &ConfigSource) -> Self {
        let error = |fault: Fault| ConfigError::Text {
            file: source.to_string(),
            line: fault.position.line,
            column: fault.position.column,
            message: fault.message,
        };
        let more = faults.len().saturating_sub(MAX_REASONS);
        let mut errors: Vec<_> = faults.into_iter().take(MAX_REASONS).map(error).collect();
        errors.extend((more > 0).then_some(ConfigError::More { count: more }));
        Self { errors }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self::from(vec![error])
    }
}

impl From<Vec<ConfigError>> for ConfigErrors {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self { errors }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{line}")?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

/// Returns an error and its causes as one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        let text = error.to_string();
        // Some libraries print their cause in their own text: once is enough.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    visible(&line)
}

/// Returns `text` as one line that does nothing to a terminal: what it quotes may hold anything.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for next in text.chars() {
        if next.is_control() {
            visible.extend(next.escape_default());
        } else {
            visible.push(next);
        }
    }
    visible
}

/// Where violations are collected, so that a config is judged whole.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    errors: Vec<ConfigError>,
    more: usize,
}

impl Violations {
    /// Notes that the field at `path` is wrong.
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let (path, message) = (path.into(), message.into());
        if self.errors.len() < MAX_REASONS {
            self.errors.push(ConfigError::Violation { path, message });
        } else {
            self.more += 1;
        }
    }

    /// Notes that the field at `path` is wrong, in the words of `error`.
    pub(crate) fn add_error(&mut self, path: impl Into<String>, error: &(dyn Error + 'static)) {
        self.add(path, chain(error));
    }

    /// Takes out of the messages what they quote of scalars that a variable is in: it may be a
    /// secret that was put in the wrong place.
    pub(crate) fn redact(&mut self, document: &Document) {
        for error in &mut self.errors {
            if let ConfigError::Violation { path, message } = error
                && let (Some(first), Some(last)) = (message.find('`'), message.rfind('`'))
                && let Some(variables) = document.variables_at(path)
            {
                let (before, after) = (&message[..=first], &message[last..]);
                *message = format!("{before}…{after} (from {variables})");
            }
        }
    }

    /// Returns `value`, unless something was noted.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, ConfigErrors> {
        let more = (self.more > 0).then_some(ConfigError::More { count: self.more });
        self.errors.extend(more);
        if self.errors.is_empty() { Ok(value) } else { Err(ConfigErrors::from(self.errors)) }
    }
}
