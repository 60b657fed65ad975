//! Credentials and tokens: who is shown what, how often, and never more.
