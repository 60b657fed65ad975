//! The wire form from outside: what it looks like, that it says all, and what it refuses.
#![cfg(test)]

mod bounds;
mod golden;
mod hostile;
mod laws;
mod plans;
mod refusals;
mod sample;
mod strategy;
