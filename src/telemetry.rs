//! What happened: one record per exchange, written once, where the exchange ends.

pub mod access_log;
pub mod metrics;
pub mod status;
