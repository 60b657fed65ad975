//! Decodes a document into a type, and tells what does not fit.
//!
//! The decoder's own messages quote scalars and a text that is not the author's; here only their
//! kind is kept, and the place is the author's.

use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, alias_limits, budget, options};

use super::emit::emit;
use super::{Content, Document, MAX_ALIASES, MAX_DEPTH, MAX_NODES, Node};
use crate::position::{Fault, Position};

/// Nodes that aliases stand for, all together; 100 aliases of 100 fields have as many.
const MAX_REPLAYED_NODES: usize = 10_000;
/// The decoder's own bound on scalars; a scalar of the text may be written with escapes, but what is
/// counted here is what they stand for.
const MAX_SCALAR_BYTES: usize = 3 * crate::MAX_CONFIG_BYTES;

impl Document {
    /// Decodes the document.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit the type.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let options = options! {
            budget: budget! {
                max_aliases: MAX_ALIASES,
                max_depth: MAX_DEPTH,
                max_documents: 1,
                max_nodes: MAX_NODES + MAX_REPLAYED_NODES,
                max_events: 2 * (MAX_NODES + MAX_REPLAYED_NODES),
                max_total_scalar_bytes: MAX_SCALAR_BYTES,
                enforce_alias_anchor_ratio: false,
            },
            alias_limits: alias_limits! { max_total_replayed_events: 2 * MAX_REPLAYED_NODES },
            duplicate_keys: DuplicateKeyPolicy::Error,
            emit_comments: false,
            strict_booleans: false,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(&emit(self), options)
            .map_err(|error| self.fault(error.without_snippet()))
    }

    fn fault(&self, error: &Error) -> Fault {
        let Some(locations) = error.locations() else {
            return Fault::new(Position::START, message(error, None));
        };
        // What an alias stands for is wrong where it is written, or where it is used.
        let node = self.node(locations.defined_location);
        let position = node.map_or(Position::START, |node| node.position);
        let alias = self.node(locations.reference_location).map(|alias| alias.position);
        match alias.filter(|alias| *alias != position) {
            Some(Position { line, column }) => {
                let message = message(error, node);
                Fault::new(position, format!("{message}, used at {line}:{column}"))
            }
            None => Fault::new(position, message(error, node)),
        }
    }

    /// Returns the node at a place of what was emitted: a line is a node.
    fn node(&self, location: Location) -> Option<&Node> {
        let line = usize::try_from(location.line()).ok()?;
        self.nodes.get(line.checked_sub(1)?)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the decoder's, of fifty kinds, and to grow")]
fn message(error: &Error, node: Option<&Node>) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => message(error, node),
        Error::SerdeUnknownField { expected, .. } => {
            let expected: Vec<_> = expected.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown field {}, expected one of {}", key(node), expected.join(", "))
        }
        Error::DuplicateMappingKey { .. } => format!("{} stands here twice", key(node)),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            expected_message(expected, node)
        }
        Error::Unexpected { expected, .. } => expected_message(expected, node),
        Error::InvalidScalar { ty, .. } => expected_message(ty, node),
        Error::NullIntoString { .. } | Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            expected_message("a string", node)
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` takes a mapping, or a list of them".to_owned()
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            format!("aliases stand for more than {MAX_REPLAYED_NODES} nodes")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias stands inside what it stands for".to_owned()
        }
        Error::Budget { .. } => "too large, or nested too deep, with its aliases".to_owned(),
        // Whatever else it is, its text may quote a scalar.
        _ => format!("{} does not fit here", found(node)),
    }
}

/// Says what was expected in the words of a config.
fn expected_message(expected: &str, node: Option<&Node>) -> String {
    let expected = match expected {
        "a boolean" | "boolean" | "bool" => "true or false",
        "i64" | "integer" | "an integer" => "a whole number",
        "string scalar" => "a single value",
        "string" => "a string",
        "a sequence" | "sequence start" | "sequence" => "a list",
        "a map" | "mapping start" | "mapping" => "a mapping",
        _ if expected.starts_with("struct ") => "a mapping",
        other => other,
    };
    format!("expected {expected}, found {}", found(node))
}

/// Names the key that stands at `node`, unless a variable is in it.
fn key(node: Option<&Node>) -> String {
    match node {
        Some(Node { content: Content::Scalar { text, .. }, variables, .. })
            if variables.is_empty() =>
        {
            let start: String = text.chars().take(80).collect();
            format!("`{}`", start.escape_debug())
        }
        Some(Node { variables, .. }) if !variables.is_empty() => {
            format!("from {}", names(variables))
        }
        Some(_) | None => "(no string)".to_owned(),
    }
}

/// Says what kind of node this is, never what it holds.
fn found(node: Option<&Node>) -> String {
    let Some(node) = node else { return "something else".to_owned() };
    let kind = match &node.content {
        Content::Scalar { text, plain: true } if text.is_empty() || text == "~" => "nothing",
        Content::Scalar { plain: true, text } if text.parse::<f64>().is_ok() => "a number",
        Content::Scalar { .. } => "a string",
        Content::Alias(_) => "an alias",
        Content::MappingStart | Content::MappingEnd => "a mapping",
        Content::SequenceStart | Content::SequenceEnd => "a list",
    };
    if node.variables.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} (from {})", names(&node.variables))
    }
}

fn names(variables: &[String]) -> String {
    let names: Vec<_> = variables.iter().map(|name| format!("${{{name}}}")).collect();
    names.join(", ")
}
