//! Plans a run, executes its jobs, adds up their outcomes.
//!
//! Both modes go the same way: [`Engine::plan`], [`Engine::look`], and [`drive`], which settles what
//! looking settled and gives the rest to a [`Dispatch`]; whoever works calls [`Engine::execute`]. How a
//! job travels is not known here, and the registries are the truth.
#![forbid(unsafe_code)]

mod attempt;
mod cause;
mod commits;
mod copy;
mod decide;
mod dispatch;
mod drive;
mod engine;
mod execute;
mod known;
mod ledger;
mod look;
mod meter;
mod persist;
mod place;
mod plan;
mod tree;

pub use commits::{Commits, LocalCommits, Verdict};
pub use dispatch::{Dispatch, LocalDispatch, Recalled};
pub use drive::drive;
pub use engine::{Engine, EngineOptions};
pub use execute::JobContext;
pub use look::Looked;
pub use plan::numbered;
