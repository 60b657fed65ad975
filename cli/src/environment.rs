//! Where the environment enters the program.

/// The environment, handed on as a function.
pub(crate) fn environment() -> impl Fn(&str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "here the environment enters the program")]
    |name| std::env::var(name).ok()
}

/// Returns whether colours are wanted, where there is a terminal (<https://no-color.org>).
pub(crate) fn color() -> bool {
    environment()("NO_COLOR").is_none_or(|value| value.is_empty())
}
