//! Command dispatch: `serve`, `check`, `doctor`, `explain`, `demo`.
//!
//! Exit codes: 0 fine, 1 the configuration or the environment is wrong, 2 wrong usage. For `doctor` 1 is the
//! environment, and 2 the configuration.

mod args;
mod check;
mod config_source;
pub mod demo;
pub mod doctor;
pub mod explain;
mod output;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use args::{Command, CommandLine};
use output::CommandFailed;

/// Runs the command of the command line.
pub fn run() -> ExitCode {
    let done = match CommandLine::parse().command {
        Command::Serve(source) => serve::serve(&source),
        Command::Check(source) => check::check(&source),
        Command::Doctor(source) => return doctor::command(&source),
        Command::Explain { source, format } => explain::command(&source, format),
        Command::Demo => demo::command(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandFailed) => ExitCode::FAILURE,
    }
}
