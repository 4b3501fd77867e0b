//! Test harness: the proxy process, clients, scripted upstreams and certificates.

// The proxy process.
pub mod configuration;
pub mod gatepost;
pub mod output;
pub mod ports;
pub mod process;
pub mod target;

// Network peers and their messages.
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

// Synchronisation and test data.
pub mod eventually;
pub mod pattern;
pub mod signal;

use std::time::Duration;

/// Timeout for events that are expected immediately. It exceeds any delay of a busy machine; no passing test
/// waits this long.
pub const TIMEOUT: Duration = Duration::from_secs(10);
