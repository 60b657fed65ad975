//! The crates depend downwards only, as ARCHITECTURE.md says.
