//! Tests that are about one mode, with the reason; all others are done in both.
