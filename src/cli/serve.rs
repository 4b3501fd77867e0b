//! `gatepost serve`: loads the configuration, starts logging, prepares and runs the server.

use std::io;

use tracing_subscriber::EnvFilter;

use super::args::ConfigArgs;
use super::config_source::load;
use super::output::{CommandFailed, has_colours, print_error, print_problems};
use crate::model::LogLevel;
use crate::server::{self, PreparedServer};

pub(super) fn serve(source: &ConfigArgs) -> Result<(), CommandFailed> {
    let model = load(source)?;
    start_logging(model.process.log_level);
    run(server::prepare(model).map_err(|problems| print_problems(&problems))?)
}

pub(super) fn run(prepared: PreparedServer) -> Result<(), CommandFailed> {
    let cut = prepared.run().map_err(|problem| print_error(&problem))?;
    tracing::info!("shutdown complete: {} connections and {} tunnels aborted", cut.connections, cut.tunnels);
    Ok(())
}

/// The program's own log goes to standard error, where journald and svlogd take it.
pub(super) fn start_logging(level: LogLevel) {
    let own = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Libraries have nothing to tell an administrator below a warning.
    let filter = EnvFilter::new(format!("warn,gatepost={own}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(has_colours(&io::stderr()))
        .init();
}
