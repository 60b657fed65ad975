//! Every example that stands in the repository does what it says.
