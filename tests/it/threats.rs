//! Hostile registries get nothing.
