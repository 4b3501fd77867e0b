//! Access logs, metrics and status pages.

pub mod access_log;
pub mod metrics;
pub mod status;
