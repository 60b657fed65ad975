//! How many requests each situation costs, exactly.
