//! Where in a message something is wrong: readers know their own field, their callers put the path
//! before it.

use std::error::Error;

use mirror_model::{Failure, FailureKind, Stage};

use crate::Invalid;
use crate::text::cut;

/// A reason is for one line of a log; what it quotes may be far longer.
const MAX_REASON_BYTES: usize = 512;

/// Puts the path of a field before the paths in errors.
pub(crate) trait At {
    /// Names the field that was read.
    fn at(self, field: &str) -> Self;
    /// Names the item of a list that was read.
    fn at_item(self, list: &str, index: usize) -> Self;
}

impl<T> At for Result<T, Invalid> {
    fn at(self, field: &str) -> Self {
        self.map_err(|invalid| invalid.below(field))
    }

    fn at_item(self, list: &str, index: usize) -> Self {
        self.map_err(|invalid| invalid.below(&format!("{list}[{index}]")))
    }
}

impl Invalid {
    /// What is needed is not there, or unspecified.
    pub(crate) fn absent() -> Self {
        Self::Absent { field: String::new() }
    }

    /// A value is not understood.
    pub(crate) fn value(reason: impl Into<String>) -> Self {
        let reason = cut(&reason.into(), MAX_REASON_BYTES);
        Self::Value { field: String::new(), reason }
    }

    /// A value is refused by those who know its grammar.
    pub(crate) fn grammar(error: &(dyn Error + 'static)) -> Self {
        // Failures know how to put a chain of causes into a line.
        Self::value(Failure::new(Stage::Run, FailureKind::Internal, error).message)
    }

    fn below(mut self, parent: &str) -> Self {
        let path = match &mut self {
            Self::Bytes { .. } | Self::TooMuchAttached { .. } => return self,
            Self::Absent { field }
            | Self::Value { field, .. }
            | Self::TooLarge { field, .. }
            | Self::Layout { field } => field,
        };
        if path.is_empty() {
            parent.clone_into(path);
        } else {
            *path = format!("{parent}.{path}");
        }
        self
    }
}

/// Takes what must be there.
pub(crate) fn needed<T>(value: Option<T>) -> Result<T, Invalid> {
    value.ok_or_else(Invalid::absent)
}

/// Reads the number of an enum's value.
pub(crate) fn known<E: TryFrom<i32>>(number: i32) -> Result<E, Invalid> {
    let unknown = || Invalid::value(format!("{number} is none that this version knows"));
    E::try_from(number).ok().ok_or_else(unknown)
}
