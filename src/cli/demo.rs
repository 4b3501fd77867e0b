//! `gatepost demo`: demo GitLab and Mattermost applications with temporary certificates.
//!
//! The demo GitLab shows the request that it received; the demo Mattermost is a small chat over a WebSocket. All
//! files are compiled in. The applications listen on loopback only, and everything is removed when it is dropped.
//! The applications are independent of the proxy, which is configured in TOML as in production.

#![allow(
    clippy::disallowed_methods,
    reason = "the demo applications have their own runtime, which stops their tasks"
)]

pub mod certificates;
mod chat;
mod echo;
pub mod environment;
mod html;
mod response;
mod servers;

pub use servers::{DemoAddresses, DemoServers, start_servers};

use super::output::{CommandFailed, print, print_error, print_problems};
use super::serve::{run, start_logging};
use crate::model::LogLevel;
use crate::server;

/// Starts the demo applications, prints the instructions and serves until a signal stops the server.
pub(super) fn command() -> Result<(), CommandFailed> {
    start_logging(LogLevel::Warn);
    let demo = environment::prepare().map_err(|error| print_error(&error))?;
    let prepared = server::prepare(demo.model()).map_err(|problems| print_problems(&problems))?;
    print(&demo.instructions())?;
    run(prepared)
}
