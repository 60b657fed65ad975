//! What a run prints: lines, log, reports.
