//! What `gatepost demo` runs behind the proxy: two stand-in applications and throw-away certificates.
//!
//! The first application takes GitLab's place and shows what it received; the second takes
//! Mattermost's place and is a small chat over a WebSocket. Everything is compiled in, listens on this
//! machine only and is gone when it is dropped. Nothing here knows the proxy; it is configured as any
//! other is, in TOML.

#![allow(clippy::disallowed_methods, reason = "the stand-ins run on a runtime of their own, which ends them")]

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

pub(super) fn command() -> Result<(), CommandFailed> {
    start_logging(LogLevel::Warn);
    let demo = environment::prepare().map_err(|error| print_error(&error))?;
    let prepared = server::prepare(demo.model()).map_err(|problems| print_problems(&problems))?;
    print(&demo.instructions())?;
    run(prepared)
}
