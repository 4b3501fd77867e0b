//! All TLS material in use; reloads single credentials.

pub mod credential_id;
pub mod credential_store;
pub mod expiry_warnings;
pub mod file_stamp;
pub mod objection;
pub mod watcher;
