//! Bounds: sizes, depths, counts.
