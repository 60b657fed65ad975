//! The main cases over real registries.
