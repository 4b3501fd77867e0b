//! `gatepost serve`: loads the configuration, starts logging, prepares and runs the server.

use std::io;

use tracing_subscriber::EnvFilter;

use super::args::ConfigArgs;
use super::config_source::load;
use super::output::{CommandFailed, has_colors, print_error, print_problems};
use crate::model::LogLevel;
use crate::server::{self, PreparedServer};

pub(super) fn command(source: &ConfigArgs) -> Result<(), CommandFailed> {
    let model = load(source)?;
    start_logging(model.process.log_level);
    run(server::prepare(model).map_err(|problems| print_problems(&problems))?)
}

/// Serves until a signal stops the server, and logs what the shutdown aborted.
pub(super) fn run(prepared: PreparedServer) -> Result<(), CommandFailed> {
    let aborted = prepared.run().map_err(|problem| print_error(&problem))?;
    let (connections, tunnels) = (aborted.connections, aborted.tunnels);
    tracing::info!("shutdown complete: {connections} connections and {tunnels} tunnels aborted");
    Ok(())
}

/// Sends the program log to standard error, from which journald and svlogd read it.
pub(super) fn start_logging(level: LogLevel) {
    let own = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Log lines of libraries below warnings are of no use to administrators.
    let filter = EnvFilter::new(format!("warn,gatepost={own}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(has_colors(&io::stderr()))
        .init();
}
