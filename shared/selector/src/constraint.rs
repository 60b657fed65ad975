//! A constraint as Masterminds/semver v3 reads it: groups joined by `||`, of comparators joined by
//! commas or spaces.
//!
//! A port of `constraints.go` of Masterminds/semver v3.5.0, checked against that library case by
//! case; where its own comments and its code disagree (`^*`, `<=*`, `!=*`), the code is followed.

mod lexer;

use std::str::FromStr;

use crate::Version;
use lexer::{Lexeme, Lexer};

/// The longest constraint, in bytes; Masterminds' `MaxConstraintLen`.
const MAX_CONSTRAINT_BYTES: usize = 512;

/// How many groups `||` may join; Masterminds' `MaxConstraintGroups`.
const MAX_GROUPS: usize = 32;

/// What versions are asked for.
#[derive(Clone, Debug)]
pub struct Constraint {
    groups: Vec<Group>,
}

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    ///
    /// [`ConstraintError`] says which bound or which part is at fault. An empty text is at fault.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > MAX_CONSTRAINT_BYTES {
            return Err(ConstraintError::TooLong { limit_bytes: MAX_CONSTRAINT_BYTES });
        }
        let text = lexer::expand_hyphen_ranges(text);
        if text.split("||").count() > MAX_GROUPS {
            return Err(ConstraintError::TooManyGroups { limit: MAX_GROUPS });
        }
        let groups = text.split("||").map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Returns whether one of the groups takes `version`.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.matches(version))
    }
}

impl FromStr for Constraint {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is no constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// It is longer than Masterminds reads.
    #[error("it is longer than {limit_bytes} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit_bytes: usize,
    },
    /// It has more alternatives than Masterminds reads.
    #[error("it has more than {limit} groups")]
    TooManyGroups {
        /// The bound.
        limit: usize,
    },
    /// A group is not a list of comparators.
    #[error("`{group}` is no list of comparisons with versions")]
    Group {
        /// The group, hyphen ranges written out.
        group: String,
    },
    /// A comparator names what is no version: a wildcard beside digits, a number beyond 64 bits, a
    /// numeric pre-release with a zero in front.
    #[error("`{version}` is no version")]
    Version {
        /// The version as written.
        version: String,
    },
}

/// Comparators that must all hold.
#[derive(Clone, Debug)]
struct Group {
    comparators: Vec<Comparator>,
    /// Whether one of them names a pre-release; otherwise the group takes none.
    names_prerelease: bool,
}

impl Group {
    fn parse(text: &str) -> Result<Self, ConstraintError> {
        let improper = || ConstraintError::Group { group: text.trim().to_owned() };
        let mut lexer = Lexer::new(text);
        let mut comparators = Vec::new();
        lexer.space();
        loop {
            let operator = lexer.operator();
            lexer.space();
            let lexeme = lexer.version().ok_or_else(improper)?;
            comparators.push(Comparator::new(operator, &lexeme)?);
            let spaced = lexer.space();
            if lexer.is_at_end() {
                break;
            }
            if lexer.comma() {
                lexer.space();
            } else if !spaced {
                return Err(improper());
            }
        }
        let names_prerelease = comparators.iter().any(|each| each.version.is_prerelease());
        Ok(Self { comparators, names_prerelease })
    }

    fn matches(&self, version: &Version) -> bool {
        (self.names_prerelease || !version.is_prerelease())
            && self.comparators.iter().all(|comparator| comparator.matches(version))
    }
}

/// The ways to compare, each with all its spellings in [`Lexer::operator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// `=`, or none written.
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// How much of a version is given; what follows is left out or a wildcard and counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    Major,
    Minor,
    Patch,
}

/// An operator and what stands right of it.
#[derive(Clone, Debug)]
struct Comparator {
    operator: Operator,
    given: Given,
    version: Version,
}

impl Comparator {
    fn new(operator: Operator, lexeme: &Lexeme<'_>) -> Result<Self, ConstraintError> {
        let Lexeme { text, major, minor, patch, prerelease } = *lexeme;
        let is_open = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let (given, text) = if is_open(major) {
            (Given::Nothing, format!("0.0.0{prerelease}"))
        } else if is_open(minor) {
            (Given::Major, format!("{major}.0.0{prerelease}"))
        } else if is_open(patch) {
            (Given::Minor, format!("{major}.{minor}.0{prerelease}"))
        } else {
            (Given::Patch, text.to_owned())
        };
        let version = Version::parse(&text)
            .ok_or_else(|| ConstraintError::Version { version: lexeme.text.to_owned() })?;
        Ok(Self { operator, given, version })
    }

    /// Compares; whether pre-releases are wanted at all is the group's question.
    fn matches(&self, version: &Version) -> bool {
        let asked = &self.version;
        match self.operator {
            Operator::Equal if self.given == Given::Patch => version == asked,
            Operator::Equal | Operator::Tilde => self.is_tilde_match(version),
            Operator::NotEqual => self.is_other(version),
            Operator::Greater => self.is_below(version),
            Operator::Less => version < asked,
            Operator::GreaterEqual => version >= asked,
            Operator::LessEqual => self.is_reached_by(version),
            Operator::Caret => self.is_caret_match(version),
        }
    }

    /// `!=1` is another major; `!=1.2` another minor, or another pre-release.
    fn is_other(&self, version: &Version) -> bool {
        let asked = &self.version;
        let other_major = version.major() != asked.major();
        match self.given {
            Given::Major => other_major,
            Given::Minor => {
                other_major
                    || version.minor() != asked.minor()
                    || version.prerelease() != asked.prerelease()
            }
            Given::Nothing | Given::Patch => version != asked,
        }
    }

    /// `>11` begins at 12.0.0, `>11.1` at 11.2.0.
    fn is_below(&self, version: &Version) -> bool {
        let asked = &self.version;
        match self.given {
            Given::Major => version.major() > asked.major(),
            Given::Minor => (version.major(), version.minor()) > (asked.major(), asked.minor()),
            Given::Nothing | Given::Patch => version > asked,
        }
    }

    /// `<=11` takes all of 11.x, `<=11.1` all of 11.1.x.
    fn is_reached_by(&self, version: &Version) -> bool {
        let asked = &self.version;
        match self.given {
            Given::Major => version.major() <= asked.major(),
            Given::Nothing | Given::Minor => {
                (version.major(), version.minor()) <= (asked.major(), asked.minor())
            }
            Given::Patch => version <= asked,
        }
    }

    /// `~1` is 1.x; `~1.2` and `~1.2.3` stay within 1.2; `~*` and, by an exception, `~0.0.0` take
    /// everything from 0.0.0 on.
    fn is_tilde_match(&self, version: &Version) -> bool {
        let asked = &self.version;
        let (same_major, same_minor) =
            (version.major() == asked.major(), version.minor() == asked.minor());
        let within = match self.given {
            Given::Major => same_major,
            Given::Minor => same_major && same_minor,
            Given::Nothing | Given::Patch => is_zero(asked) || (same_major && same_minor),
        };
        version >= asked && within
    }

    /// Nothing left of the first number that is not 0 may change: `^1.2.3` < 2.0.0, `^0.2.3` <
    /// 0.3.0, `^0.0.3` < 0.0.4; of numbers that are not given, `^0` < 1.0.0 and `^0.0` < 0.1.0.
    fn is_caret_match(&self, version: &Version) -> bool {
        let asked = &self.version;
        let fixed = if asked.major() > 0 || self.given == Given::Major {
            version.major() == asked.major()
        } else if asked.minor() > 0 || self.given == Given::Minor {
            version.major() == 0 && version.minor() == asked.minor()
        } else {
            version.major() == 0 && version.minor() == 0 && version.patch() == asked.patch()
        };
        version >= asked && fixed
    }
}

fn is_zero(version: &Version) -> bool {
    (version.major(), version.minor(), version.patch()) == (0, 0, 0)
}

#[cfg(test)]
mod tests;
