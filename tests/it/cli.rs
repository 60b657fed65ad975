//! The command line: flags, bad input, exit codes, signals.
