//! The language of the integration tests: the program under test, its clients, the applications
//! behind it, and their certificates.

// The program under test.
pub mod configuration;
pub mod gatepost;
pub mod output;
pub mod ports;
pub mod process;
pub mod target;

// Peers, and what passes between them.
pub mod certs;
pub mod client;
pub mod client_hello;
pub mod faulty;
pub mod http2;
pub mod http2_frames;
pub mod message;
pub mod origin;
pub mod socket;
pub mod tls;
pub mod tls_records;
pub mod upstream_server;
pub mod wire;

// What tests are timed and filled with.
pub mod eventually;
pub mod pattern;
pub mod signal;

use std::time::Duration;

/// Longest wait for anything that should happen at once. Generous, because the machine may be busy;
/// no passing test waits this long.
pub const TIMEOUT: Duration = Duration::from_secs(10);
