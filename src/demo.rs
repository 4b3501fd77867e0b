//! What `gatepost demo` runs behind the proxy: two stand-in applications and throw-away certificates.
//!
//! The first application takes GitLab's place and shows what it received; the second takes
//! Mattermost's place and is a small chat over a WebSocket. Everything is compiled in, listens on this
//! machine only and is gone when it is dropped. Nothing here knows the proxy; it is configured as any
//! other is, in TOML.

#![allow(clippy::disallowed_methods, reason = "the stand-ins run on a runtime of their own, which ends them")]

mod answer;
mod applications;
pub mod certificates;
mod chat;
mod echo_page;
mod html;
pub mod stage;

pub use applications::{Applications, RunningApplications, start_applications};
