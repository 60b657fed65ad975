//! The binary `flux-mirror`: reads arguments and environment, runs a command, exits.
//!
//! Only this crate prints and exits. Errors are one line each on stderr, `✗ <message>`, and exit 1.
#![forbid(unsafe_code)]

mod arguments;
mod cluster;
mod completion;
mod config;
mod coordinator;
mod deadline;
mod display;
mod environment;
mod failure;
mod fleet;
mod keygen;
mod login;
mod logins;
mod logs;
mod process;
mod registries;
mod runs;
mod runtime;
mod secret;
mod signals;
mod sync;
mod trust;
mod version;
mod worker;

use std::process::ExitCode;

use crate::arguments::{Arguments, Command};
use crate::failure::Failed;

fn main() -> ExitCode {
    // A core dump would hold every secret of the run.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    failure::report_panics();
    // One provider for all TLS; that a second install fails is no concern.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(failed) => failed.print(),
    }
}

fn run() -> Result<u8, Failed> {
    if let Some(words) = completion::asked(std::env::args_os()) {
        return completion::answer(words);
    }
    let Some(Arguments { timeout, no_envsubst, command }) = arguments::parse()? else {
        return Ok(0);
    };
    match command {
        Command::Sync(sync) => sync::run(&sync, timeout.0, !no_envsubst),
        Command::Runs(runs) => runs::run(runs),
        Command::Coordinator(coordinator) => coordinator::run(*coordinator, !no_envsubst),
        Command::Worker(worker) => worker::run(*worker, !no_envsubst),
        Command::Login(login) => login::run(&login, timeout.0, !no_envsubst),
        Command::Secret(secret) => secret::run(&secret, timeout.0, !no_envsubst),
        Command::Keygen(keygen) => keygen::run(&keygen),
        Command::Version(version) => version::run(&version),
        Command::Completion { shell } => completion::run(shell),
    }
}
