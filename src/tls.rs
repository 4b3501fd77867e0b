//! Certificates, keys and TLS configurations; knows no HTTP.

pub mod files;
pub mod server;
pub mod store;
pub mod upstream_client;
