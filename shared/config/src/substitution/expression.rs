//! The grammar of `${…}`: a name, and what is to be done with its value.
//!
//! It is the part of the shell's that Go's envsubst knows. What that reads as something else than
//! the shell does (`${V:+x}`, `${V:?x}`) is refused.

use super::mask::Source;
use crate::position::{Fault, Position};

/// How deep substitutions nest in each other's defaults and patterns; nobody reads more.
const MAX_DEPTH: usize = 16;

/// One `${…}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// The variable.
    pub(super) name: String,
    /// What is done with its value.
    pub(super) operator: Operator,
    /// Where it begins.
    pub(super) position: Position,
}

/// What is done with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `${V}`: nothing.
    Value,
    /// `${#V}`: its length is taken.
    Length,
    /// `${V:-d}`, `${V:=d}`, `${V=d}`: where it is unset or empty, the default is taken.
    Default(Vec<Part>),
    /// `${V^}`, `${V^^}`, `${V,}`, `${V,,}`: its case is changed.
    Case(Case),
    /// `${V:offset}`, `${V:offset:length}`: a part is taken.
    Slice {
        /// Where the part begins; from the end if negative.
        offset: Vec<Part>,
        /// How long it is; where it ends, from the end, if negative.
        length: Option<Vec<Part>>,
    },
    /// `${V#p}`, `${V##p}`, `${V%p}`, `${V%%p}`: what a pattern matches is cut off.
    Trim {
        /// Where it is cut.
        end: End,
        /// How much of it.
        greed: Greed,
        /// What is cut.
        pattern: Vec<Part>,
    },
    /// `${V/p/r}`, `${V//p/r}`, `${V/#p/r}`, `${V/%p/r}`: a text is replaced.
    Replace {
        /// Where it is replaced.
        which: Which,
        /// The text that is replaced: a text, not a pattern, as Go's envsubst has it.
        old: Vec<Part>,
        /// What takes its place.
        new: Vec<Part>,
    },
}

/// A change of case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// The first character to upper case.
    UpperFirst,
    /// All to upper case.
    Upper,
    /// The first character to lower case.
    LowerFirst,
    /// All to lower case.
    Lower,
}

/// An end of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The beginning.
    Front,
    /// The end.
    Back,
}

/// How much a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    /// As little as it can.
    Shortest,
    /// As much as it can.
    Longest,
}

/// Which occurrence of a text is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The first.
    First,
    /// All.
    All,
    /// The one the value begins with.
    Front,
    /// The one the value ends with.
    Back,
}

/// A part of a default, a pattern, an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that stands for itself.
    Text(String),
    /// A substitution.
    Expression(Expression),
}

/// What a list of parts is read for; it decides where the list ends.
#[derive(Clone, Copy)]
enum Role {
    Default,
    Offset,
    Length,
    Pattern,
    Old,
    New,
}

impl Role {
    fn ends_at(self, next: char) -> bool {
        match self {
            Self::Default | Self::Length | Self::Pattern | Self::New => next == '}',
            Self::Offset => next == '}' || next == ':',
            Self::Old => next == '}' || next == '/',
        }
    }

    /// Returns whether a backslash takes the meaning from a slash.
    fn escapes_slash(self) -> bool {
        match self {
            Self::Old | Self::New => true,
            Self::Default | Self::Offset | Self::Length | Self::Pattern => false,
        }
    }
}

/// Reads one `${…}`.
///
/// # Errors
///
/// What is not of the grammar, with its place.
pub(super) fn parse(source: Source<'_>) -> Result<Expression, Fault> {
    let mut parser = Parser { rest: source.text, position: source.position };
    parser.take("${");
    parser.expression(source.position, 1)
}

struct Parser<'t> {
    rest: &'t str,
    position: Position,
}

impl Parser<'_> {
    /// Reads what follows `${`, up to and with its `}`.
    fn expression(&mut self, start: Position, depth: usize) -> Result<Expression, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(start, format!("`${{` nests more than {MAX_DEPTH} deep")));
        }
        let (name, operator) = if self.take("#") {
            (self.name()?, Operator::Length)
        } else {
            let name = self.name()?;
            let operator = self.operator(&name, depth)?;
            (name, operator)
        };
        if self.take("}") {
            Ok(Expression { name, operator, position: start })
        } else {
            Err(self.unexpected(&name))
        }
    }

    fn name(&mut self) -> Result<String, Fault> {
        let ends = |next: char| !(next.is_alphanumeric() || next == '_');
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let name = self.rest[..length].to_owned();
        if name.is_empty() {
            let message = "a variable's name is expected here (`$$` is a literal `$`)";
            return Err(Fault::new(self.position, message));
        }
        self.advance(length);
        Ok(name)
    }

    fn operator(&mut self, name: &str, depth: usize) -> Result<Operator, Fault> {
        let case = |case| Ok(Operator::Case(case));
        match self.rest.chars().next() {
            Some(':') if self.rest.starts_with(":?") || self.rest.starts_with(":+") => {
                Err(self.unexpected(name))
            }
            Some(':' | '=') if self.take(":-") || self.take(":=") || self.take("=") => {
                Ok(Operator::Default(self.parts(Role::Default, depth)?))
            }
            Some(':') => {
                self.take(":");
                let offset = self.parts(Role::Offset, depth)?;
                let length =
                    if self.take(":") { Some(self.parts(Role::Length, depth)?) } else { None };
                Ok(Operator::Slice { offset, length })
            }
            Some('^' | ',') if self.take("^^") => case(Case::Upper),
            Some('^' | ',') if self.take("^") => case(Case::UpperFirst),
            Some('^' | ',') if self.take(",,") => case(Case::Lower),
            Some('^' | ',') if self.take(",") => case(Case::LowerFirst),
            Some('#') => self.trim(End::Front, "#", depth),
            Some('%') => self.trim(End::Back, "%", depth),
            Some('/') => self.replace(depth),
            Some(_) | None => Ok(Operator::Value),
        }
    }

    fn trim(&mut self, end: End, sign: &str, depth: usize) -> Result<Operator, Fault> {
        self.take(sign);
        let greed = if self.take(sign) { Greed::Longest } else { Greed::Shortest };
        Ok(Operator::Trim { end, greed, pattern: self.parts(Role::Pattern, depth)? })
    }

    fn replace(&mut self, depth: usize) -> Result<Operator, Fault> {
        self.take("/");
        let which = match self.rest.chars().next() {
            Some('/') if self.take("/") => Which::All,
            Some('#') if self.take("#") => Which::Front,
            Some('%') if self.take("%") => Which::Back,
            Some(_) | None => Which::First,
        };
        let old = self.parts(Role::Old, depth)?;
        let new = if self.take("/") { self.parts(Role::New, depth)? } else { Vec::new() };
        Ok(Operator::Replace { which, old, new })
    }

    fn parts(&mut self, role: Role, depth: usize) -> Result<Vec<Part>, Fault> {
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(next) = self.rest.chars().next().filter(|next| !role.ends_at(*next)) {
            let start = self.position;
            if self.take("$$") {
                text.push('$');
            } else if self.take("${") {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Expression(self.expression(start, depth + 1)?));
            } else if role.escapes_slash() && self.take("\\/") {
                text.push('/');
            } else if role.escapes_slash() && self.take("\\\\") {
                text.push('\\');
            } else {
                text.push(next);
                self.advance(next.len_utf8());
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.starts_with(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    /// Goes on by `length` bytes; a substitution has no line breaks.
    fn advance(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.position.column += taken.chars().count();
        self.rest = rest;
    }

    fn unexpected(&self, name: &str) -> Fault {
        let operator: String = self.rest.chars().take_while(|next| *next != '}').take(2).collect();
        let message = format!(
            "`{}` after `${{{name}` is no operator: \
             :- := = ^ ^^ , ,, :offset :offset:length # ## % %% / // are",
            operator.escape_default()
        );
        Fault::new(self.position, message)
    }
}
