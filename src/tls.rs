//! Certificates, keys and TLS configurations.

pub mod files;
pub mod server;
pub mod store;
pub mod upstream_client;
