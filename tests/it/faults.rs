//! Faults of one process: each is made to happen, and each ends as promised.
