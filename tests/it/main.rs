//! Integration tests: one binary, a file per subject, through the built program.
