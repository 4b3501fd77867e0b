//! Gatepost: a reverse proxy that takes the place of GitLab's bundled nginx.

// Floor 0: what is meant.
pub mod model;

// Floor 1: what is said, what happened, what runs. None of them sees another.
pub mod config;
pub mod drain;
pub mod explain;
pub mod telemetry;

// Floor 2: bytes and connections.
pub mod net;

// Floor 3: messages, and certificates of our own.
pub mod acme;
pub mod proxy;

// Floor 4: running it.
pub mod app;
pub mod doctor;
mod privileges;
mod signals;
mod worker;

// The demonstration, beside the proxy.
pub mod demo;
