//! A config's text as YAML: parsed, substituted, and decoded into a type.
//!
//! One document within bounds. Every fault names the line and column that the author sees, and
//! none shows a scalar: it may be a secret. Which fields there are is left to the types.

mod decode;
mod emit;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag, options};

use crate::position::{Fault, Position};
use crate::substitution::{Environment, Substituted, Substitution};

/// Aliases in a config. People use a handful; what they repeat is bounded when it is decoded.
const MAX_ALIASES: usize = 100;
/// Mappings and sequences in each other: a config needs eight.
const MAX_DEPTH: usize = 64;
/// Scalars, mappings and sequences: 10 MiB of entries that mirror something have fewer.
const MAX_NODES: usize = 2_000_000;

/// A parsed and substituted config.
#[derive(Debug)]
pub(crate) struct Document {
    nodes: Vec<Node>,
}

/// A step of the document.
#[derive(Debug)]
struct Node {
    position: Position,
    content: Content,
    /// The number by which aliases call it.
    anchor: Option<usize>,
    tag: Option<CoreTag>,
    /// The variables whose values are in it.
    variables: Vec<String>,
}

#[derive(Debug)]
enum Content {
    Scalar {
        text: String,
        /// Whether its text says what type it has.
        plain: bool,
    },
    Alias(usize),
    MappingStart,
    MappingEnd,
    SequenceStart,
    SequenceEnd,
}

/// A tag that YAML itself defines; others mean nothing in a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CoreTag {
    Bool,
    Float,
    Int,
    Map,
    Null,
    Seq,
    Str,
}

impl Document {
    /// Parses `text` and substitutes variables in its scalars, if there is an environment.
    ///
    /// # Errors
    ///
    /// What is no YAML or out of bounds, and every substitution that does not work.
    pub(crate) fn read(
        text: &str,
        environment: Option<&Environment<'_>>,
    ) -> Result<Self, Vec<Fault>> {
        let (text, substitution) = match environment {
            None => (Cow::Borrowed(text), None),
            Some(environment) => {
                let (masked, substitution) =
                    Substitution::mask(text, environment).map_err(|fault| vec![fault])?;
                (Cow::Owned(masked), Some(substitution))
            }
        };
        let mut reader =
            Reader { nodes: Vec::new(), substitution, documents: 0, depth: 0, aliases: 0 };
        let parsed = reader.read(&text);
        let mut faults = reader.substitution.map_or_else(Vec::new, Substitution::into_faults);
        if let Err(fault) = parsed {
            faults.push(fault);
        }
        if faults.is_empty() { Ok(Self { nodes: reader.nodes }) } else { Err(faults) }
    }

    /// Returns the scalar under a key of the topmost mapping, and where it is.
    pub(crate) fn top_scalar(&self, key: &str) -> Option<(&str, Position)> {
        match field(&self.nodes, key)?.first()? {
            Node { content: Content::Scalar { text, .. }, position, .. } => Some((text, *position)),
            _ => None,
        }
    }

    /// Names the variables whose values are at a path as `hosts[0].tls`, or below it; all variables
    /// of the document where the path leads through an alias, a merge, or to nothing. `None` if
    /// there are none.
    pub(crate) fn variables_at(&self, path: &str) -> Option<String> {
        let nodes = self
            .at(path)
            .filter(|nodes| !nodes.iter().any(|node| matches!(node.content, Content::Alias(_))));
        let mut names: Vec<String> = Vec::new();
        for variable in nodes.unwrap_or(&self.nodes).iter().flat_map(|node| &node.variables) {
            let name = format!("${{{variable}}}");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn at(&self, path: &str) -> Option<&[Node]> {
        let mut nodes = &self.nodes[..];
        for step in path.split(['.', '[']) {
            nodes = match step.strip_suffix(']') {
                Some(index) => item(nodes, index.parse().ok()?)?,
                None => field(nodes, step)?,
            };
        }
        Some(nodes)
    }

    /// Returns where the document begins.
    pub(crate) fn start(&self) -> Position {
        self.nodes.first().map_or(Position::START, |node| node.position)
    }
}

/// Returns the nodes of the value under a key of a mapping.
fn field<'n>(mapping: &'n [Node], wanted: &str) -> Option<&'n [Node]> {
    let (Node { content: Content::MappingStart, .. }, mut rest) = mapping.split_first()? else {
        return None;
    };
    while let Some(Node { content: key, .. }) = rest.first() {
        let value = &rest[subtree_length(rest)..];
        let length = subtree_length(value);
        if matches!(key, Content::Scalar { text, .. } if text == wanted) {
            return value.get(..length);
        }
        rest = &value[length..];
    }
    None
}

/// Returns the nodes of an item of a sequence.
fn item(sequence: &[Node], index: usize) -> Option<&[Node]> {
    let (Node { content: Content::SequenceStart, .. }, mut rest) = sequence.split_first()? else {
        return None;
    };
    for _ in 0..index {
        rest = &rest[subtree_length(rest)..];
    }
    let is_end = matches!(rest.first()?.content, Content::SequenceEnd);
    if is_end { None } else { rest.get(..subtree_length(rest)) }
}

/// Returns how many nodes the first of `nodes` makes up with all that is in it; all where it has
/// no end, and the end of a mapping counts for itself.
fn subtree_length(nodes: &[Node]) -> usize {
    let mut depth = 0_usize;
    for (index, node) in nodes.iter().enumerate() {
        match node.content {
            Content::MappingStart | Content::SequenceStart => depth += 1,
            Content::MappingEnd | Content::SequenceEnd => depth = depth.saturating_sub(1),
            Content::Scalar { .. } | Content::Alias(_) => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    nodes.len()
}

struct Reader<'t> {
    nodes: Vec<Node>,
    substitution: Option<Substitution<'t>>,
    documents: usize,
    depth: usize,
    aliases: usize,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        for parsed in Parser::new_from_str_with_options(text, options! { emit_comments: false }) {
            let (event, span) = parsed
                .map_err(|error| Fault::new(position(*error.marker()), sentence(&error.info())))?;
            self.take(event, span)?;
        }
        match self.nodes.first() {
            None => Err(Fault::new(Position::START, "the config is empty")),
            Some(Node { content: Content::MappingStart, .. }) => Ok(()),
            Some(node) => Err(Fault::new(node.position, "a config is a mapping")),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's, and to grow")]
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = position(span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Fault::new(at, "a second document begins here, a config is one"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = core_tag(tag.as_deref(), at)?;
                let plain = style == ScalarStyle::Plain;
                self.scalar(text, plain, at..position(span.end), anchor, tag);
            }
            Event::Alias(anchor) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err(Fault::new(at, format!("more than {MAX_ALIASES} aliases")));
                }
                self.push(at, Content::Alias(anchor), 0, None);
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(at, Content::MappingStart, anchor, core_tag(tag.as_deref(), at)?)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(at, Content::SequenceStart, anchor, core_tag(tag.as_deref(), at)?)?;
            }
            Event::MappingEnd => self.close(at, Content::MappingEnd),
            Event::SequenceEnd => self.close(at, Content::SequenceEnd),
            // Comments and names of anchors are not asked for, and the rest says nothing.
            _ => {}
        }
        if self.nodes.len() > MAX_NODES {
            return Err(Fault::new(at, format!("more than {MAX_NODES} nodes")));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        plain: bool,
        span: Range<Position>,
        anchor: usize,
        tag: Option<CoreTag>,
    ) {
        let at = span.start;
        let scalar = match &mut self.substitution {
            Some(substitution) => substitution.scalar(&text, plain, span),
            None => Substituted { text: text.into_owned(), plain, variables: Vec::new() },
        };
        // A value cannot turn a key into a merge.
        let plain = scalar.plain && (scalar.text != "<<" || scalar.variables.is_empty());
        let content = Content::Scalar { text: scalar.text, plain };
        self.push(at, content, anchor, tag);
        if let Some(node) = self.nodes.last_mut() {
            node.variables = scalar.variables;
        }
    }

    fn open(
        &mut self,
        at: Position,
        content: Content,
        anchor: usize,
        tag: Option<CoreTag>,
    ) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(at, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.push(at, content, anchor, tag);
        Ok(())
    }

    fn close(&mut self, at: Position, content: Content) {
        self.depth = self.depth.saturating_sub(1);
        self.push(at, content, 0, None);
    }

    fn push(&mut self, position: Position, content: Content, anchor: usize, tag: Option<CoreTag>) {
        let anchor = (anchor > 0).then_some(anchor);
        self.nodes.push(Node { position, content, anchor, tag, variables: Vec::new() });
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

/// Returns a parser's message as ours are: lower case, one line.
fn sentence(message: &str) -> String {
    let mut rest = message.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).map(|next| if next.is_control() { ' ' } else { next }).collect()
}

fn core_tag(tag: Option<&Tag>, at: Position) -> Result<Option<CoreTag>, Fault> {
    let Some(tag) = tag else { return Ok(None) };
    let known = match tag.core_suffix() {
        Some("bool") => CoreTag::Bool,
        Some("float") => CoreTag::Float,
        Some("int") => CoreTag::Int,
        Some("map") => CoreTag::Map,
        Some("null") => CoreTag::Null,
        Some("seq") => CoreTag::Seq,
        Some("str") => CoreTag::Str,
        // `! text`: not to be typed by its text.
        None if format!("{}{}", tag.handle(), tag.suffix()) == "!" => CoreTag::Str,
        Some(_) | None => return Err(Fault::new(at, "this tag means nothing in a config")),
    };
    Ok(Some(known))
}
