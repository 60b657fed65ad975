//! What is sent in place of a token: a template over it, in Go's syntax.
//!
//! Of Go's templates this is the part that a config has use for: text, `.Token`, the functions `base64`
//! (RFC 4648, padded) and `hex`, pipelines, parentheses, comments and `{{-`, `-}}`. Anything else is
//! refused when the config is loaded.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Secret;

/// The most functions in an envelope: more than this encode a token beyond what a header takes.
const MAX_CALLS: usize = 8;

/// A template over a token.
#[derive(Clone)]
pub struct Envelope {
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Text(String),
    /// The token, through these functions in turn.
    Token(Vec<Function>),
}

#[derive(Clone, Copy)]
enum Function {
    Base64,
    Hex,
}

/// Why a template is none that is understood here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidEnvelope {
    /// `{{` without `}}`.
    #[error("`{{{{` is never closed")]
    Open,
    /// Something else than the token and its two functions.
    #[error("only .Token and the functions base64 and hex are known in `{{{{ }}}}`")]
    Unknown,
    /// More functions than anybody needs.
    #[error("there are more than {limit} functions in one `{{{{ }}}}`")]
    Calls {
        /// The bound.
        limit: usize,
    },
    /// The token is not in it.
    #[error("it does not use .Token")]
    NoToken,
}

impl Envelope {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope`].
    pub fn parse(template: &str) -> Result<Self, InvalidEnvelope> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once("{{") {
            let (action, after) = after.split_once("}}").ok_or(InvalidEnvelope::Open)?;
            let (text, action) = match action.strip_prefix('-') {
                Some(action) if action.starts_with(char::is_whitespace) => {
                    (text.trim_end(), action)
                }
                _ => (text, action),
            };
            let (action, after) = match action.strip_suffix('-') {
                Some(action) if action.ends_with(char::is_whitespace) => {
                    (action, after.trim_start())
                }
                _ => (action, after),
            };
            parts.push(Part::Text(text.to_owned()));
            let action = action.trim();
            let is_comment = action.starts_with("/*") && action.ends_with("*/") && action.len() > 3;
            if !is_comment {
                parts.push(Part::Token(pipeline(action)?));
            }
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let has_token = parts.iter().any(|part| matches!(part, Part::Token(_)));
        if has_token { Ok(Self { parts }) } else { Err(InvalidEnvelope::NoToken) }
    }

    /// Returns what is sent in place of `token`.
    pub(crate) fn wrap(&self, token: &Secret) -> Secret {
        let mut wrapped = Zeroizing::new(String::new());
        for part in &self.parts {
            match part {
                Part::Text(text) => wrapped.push_str(text),
                Part::Token(functions) => {
                    let mut value = Zeroizing::new(token.expose().to_owned());
                    for function in functions {
                        value = Zeroizing::new(match function {
                            Function::Base64 => STANDARD.encode(value.as_bytes()),
                            Function::Hex => hex::encode(value.as_bytes()),
                        });
                    }
                    wrapped.push_str(&value);
                }
            }
        }
        Secret::new(wrapped.to_string())
    }
}

/// The texts around a token may be secret too.
impl fmt::Debug for Envelope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Envelope(…)")
    }
}

/// Reads what stands between `{{` and `}}`: the functions, in the order in which they are applied.
fn pipeline(text: &str) -> Result<Vec<Function>, InvalidEnvelope> {
    let mut stages = split(text)?.into_iter();
    let mut functions = command(stages.next().unwrap_or_default())?;
    for stage in stages {
        functions.push(function(stage.trim()).ok_or(InvalidEnvelope::Unknown)?);
    }
    let limit = MAX_CALLS;
    if functions.len() > limit { Err(InvalidEnvelope::Calls { limit }) } else { Ok(functions) }
}

/// Reads `.Token`, `hex .Token`, `hex (…)` or `(…)`.
fn command(text: &str) -> Result<Vec<Function>, InvalidEnvelope> {
    let text = text.trim();
    if text == ".Token" {
        return Ok(Vec::new());
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        return pipeline(inner);
    }
    let named = text.find(|next: char| next.is_whitespace() || next == '(');
    let (name, argument) = named.map_or((text, ""), |end| text.split_at(end));
    let function = function(name).ok_or(InvalidEnvelope::Unknown)?;
    let mut functions = operand(argument.trim())?;
    functions.push(function);
    Ok(functions)
}

/// Reads the argument of a function, which is no other function without parentheses.
fn operand(text: &str) -> Result<Vec<Function>, InvalidEnvelope> {
    match text {
        ".Token" => Ok(Vec::new()),
        _ if text.starts_with('(') && text.ends_with(')') => command(text),
        _ => Err(InvalidEnvelope::Unknown),
    }
}

fn function(name: &str) -> Option<Function> {
    match name {
        "base64" => Some(Function::Base64),
        "hex" => Some(Function::Hex),
        _ => None,
    }
}

/// Splits at the `|` that are in no parentheses, of which there are no more than functions may be.
fn split(text: &str) -> Result<Vec<&str>, InvalidEnvelope> {
    let (mut stages, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1).ok_or(InvalidEnvelope::Unknown)?,
            b'|' if depth == 0 => {
                stages.push(&text[begin..index]);
                begin = index + 1;
            }
            _ => {}
        }
        if depth > MAX_CALLS {
            return Err(InvalidEnvelope::Calls { limit: MAX_CALLS });
        }
    }
    stages.push(&text[begin..]);
    if depth == 0 { Ok(stages) } else { Err(InvalidEnvelope::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let shown = match Envelope::parse(template) {
            Ok(envelope) => envelope.wrap(&Secret::new("t?>".to_owned())).expose().to_owned(),
            Err(error) => format!("! {error}"),
        };
        assert_eq!(shown, expected, "{template}");
    }

    #[test]
    fn a_template_says_what_is_sent() {
        check("{{ .Token }}", "t?>");
        check("token-{{ hex .Token }}", "token-743f3e");
        check("{{base64 .Token}}", "dD8+");
        check("a {{.Token}} b {{ .Token | hex }} c", "a t?> b 743f3e c");
        check("{{ .Token | hex | base64 }}", "NzQzZjNl");
        check("{{ base64 (hex .Token) }}", "NzQzZjNl");
        check("{{ base64 (.Token | hex) }}", "NzQzZjNl");
        check("{{ (.Token) | base64 }}", "dD8+");
        check("a {{- .Token -}} b", "at?>b");
        check("a {{- /* why */ -}} {{ .Token }}", "at?>");
        check("}} {{ .Token }} }", "}} t?> }");
        check("é{{.Token}}é", "ét?>é");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let unknown = "! only .Token and the functions base64 and hex are known in `{{ }}`";
        for template in [
            "{{ }}",
            "{{ .token }}",
            "{{ .Token.x }}",
            "{{ hex }}",
            "{{ hex hex .Token }}",
            "{{ hex .Token .Token }}",
            "{{ .Token | }}",
            "{{ .Token | hex .Token }}",
            "{{ printf \"%s\" .Token }}",
            "{{ if .Token }}x{{ end }}",
            "{{ (.Token }}",
            "{{ .Token) }}",
            "{{ (.Token)(.Token) }}",
            "{{ -.Token }}",
            "{{ $x := .Token }}",
        ] {
            check(template, unknown);
        }
        check("{{ .Token", "! `{{` is never closed");
        check("no token", "! it does not use .Token");
        check("{{/* none */}}", "! it does not use .Token");
        let deep = format!("{{{{ {}.Token{} }}}}", "(".repeat(9), ")".repeat(9));
        check(&deep, "! there are more than 8 functions in one `{{ }}`");
        let many = format!("{{{{ .Token{} }}}}", " | hex".repeat(9));
        check(&many, "! there are more than 8 functions in one `{{ }}`");
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "(\\{\\{|\\}\\}|-| |\\||\\(|\\)|hex|base64|\\.Token|é|/\\*|\\*/){0,24}") {
            if let Ok(envelope) = Envelope::parse(&text) {
                let _ = envelope.wrap(&Secret::new("t".to_owned()));
            }
        }
    }
}
