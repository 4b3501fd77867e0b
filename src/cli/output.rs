//! Standard output and standard error: colour detection, broken pipes, error lines.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::config::diagnostic::Diagnostics;
use crate::server::problem::StartupProblem;

/// Why a command failed; everything has been said on standard error.
pub(super) struct CommandFailed;

/// Says what was asked for. A reader that has heard enough, as in `… | head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), CommandFailed> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(print_error(&error)),
        _ => Ok(()),
    }
}

pub(super) fn print_diagnostics(problems: &Diagnostics) {
    match has_colours(&io::stderr()) {
        true => eprint!("{problems:#}"),
        false => eprint!("{problems}"),
    }
}

/// Whether colours are wanted there: by a terminal, unless its user says no (<https://no-color.org>).
pub(super) fn has_colours(stream: &impl IsTerminal) -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

pub(super) fn print_problems(problems: &[StartupProblem]) -> CommandFailed {
    for problem in problems {
        print_error(problem);
    }
    CommandFailed
}

pub(super) fn print_error(problem: &impl Display) -> CommandFailed {
    eprintln!("error: {problem}");
    CommandFailed
}
