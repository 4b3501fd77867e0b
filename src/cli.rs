//! Command dispatch: `serve`, `check`, `doctor`, `explain`, `demo`.
//!
//! Exit codes: 0 success, 1 error in the configuration or the environment, 2 wrong usage. For `doctor`, 1 is a
//! problem of the machine and 2 a configuration that cannot be read.

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

/// Parses the command line and runs its command. Wrong usage exits the process with code 2.
pub fn run() -> ExitCode {
    let result = match CommandLine::parse().command {
        Command::Serve(source) => serve::command(&source),
        Command::Check(source) => check::command(&source),
        Command::Doctor(source) => return doctor::command(&source),
        Command::Explain { source, format } => explain::command(&source, format),
        Command::Demo => demo::command(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandFailed) => ExitCode::FAILURE,
    }
}
