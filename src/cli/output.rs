//! Standard output and standard error: color detection, broken pipes, error lines.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::config::diagnostic::Diagnostics;
use crate::server::problem::StartupProblem;

/// A command failed; the error has been printed.
pub(super) struct CommandFailed;

/// Writes the output of a command to standard output. A closed pipe, as in `… | head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), CommandFailed> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(print_error(&error)),
        _ => Ok(()),
    }
}

/// Writes diagnostics to standard error, with colors on a terminal.
pub(super) fn print_diagnostics(problems: &Diagnostics) {
    match has_colors(&io::stderr()) {
        true => eprint!("{problems:#}"),
        false => eprint!("{problems}"),
    }
}

/// Returns whether a stream is a terminal that shows colors. `NO_COLOR` (<https://no-color.org>) and `TERM=dumb`
/// disable them.
pub(super) fn has_colors(stream: &impl IsTerminal) -> bool {
    let disabled = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !disabled && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Writes each problem as an error.
pub(super) fn print_problems(problems: &[StartupProblem]) -> CommandFailed {
    for problem in problems {
        print_error(problem);
    }
    CommandFailed
}

/// Writes an error line to standard error.
pub(super) fn print_error(problem: &impl Display) -> CommandFailed {
    eprintln!("error: {problem}");
    CommandFailed
}
