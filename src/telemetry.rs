//! What happened: one record per exchange, written once, where the exchange ends.

pub mod access_log;
pub mod clock;
mod compression_ratio;
mod counter;
pub mod counters;
mod custom_line;
pub mod escape;
pub mod exchange;
pub mod expiries;
pub mod handshakes;
pub mod log_writer;
pub mod notes;
pub mod redaction;
pub mod status_pages;
