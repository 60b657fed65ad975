//! A step through an index, whatever that is written in.

use std::borrow::Cow;

/// A step.
pub(super) enum Step<'s> {
    /// Text, or what stands for it in YAML.
    Scalar {
        text: Cow<'s, str>,
        /// Whether its text says what it is.
        is_plain: bool,
    },
    /// A number, boolean or null of JSON.
    NoText,
    MapStart,
    MapEnd,
    ListStart,
    ListEnd,
}
