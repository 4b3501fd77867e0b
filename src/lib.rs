//! Gatepost: a reverse proxy that takes the place of GitLab's bundled nginx.

pub mod acme;
pub mod cli;
pub mod config;
pub mod downstream;
pub mod drain;
pub mod http1;
pub mod model;
pub mod net;
pub mod proxy;
pub mod server;
pub mod sys;
pub mod telemetry;
pub mod tls;
pub mod upstream;
