//! Many repositories at once, killed in the middle, and run again.
