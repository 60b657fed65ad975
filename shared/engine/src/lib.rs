//! Plans a run, executes its jobs, adds up their outcomes.
//!
//! Both modes go the same way: [`Engine::plan`], [`Engine::look`], and [`drive`], which settles what
//! looking settled and gives the rest to a [`Dispatch`]; whoever works calls [`Engine::execute`]. How a
//! job travels is not known here, and the registries are the truth.
#![forbid(unsafe_code)]

mod attachments;
mod attempt;
mod bring;
mod cause;
mod closure;
mod commits;
mod copy;
mod decide;
mod dispatch;
mod drive;
mod engine;
mod evidence;
mod execute;
mod known;
mod ledger;
mod look;
mod meter;
mod name;
mod persist;
mod place;
mod plan;
mod set;
mod survey;
mod tree;

pub use commits::{Commits, LocalCommits, Verdict};
pub use dispatch::{Dispatch, LocalDispatch, Recalled};
pub use drive::drive;
pub use engine::{Engine, EngineOptions};
pub use evidence::Signatures;
pub use execute::JobContext;
pub use look::Looked;
pub use plan::numbered;
