//! The first command of the README.
