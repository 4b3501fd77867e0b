//! What happened: one record per exchange, written once, where the exchange ends.

pub mod access_log;
pub mod counters;
pub mod exchange;
pub mod log_writer;
pub mod status_pages;
