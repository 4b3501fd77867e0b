//! Modules of the credential store: loading, watching, reloading, warnings.

pub mod credential_id;
pub mod credential_problem;
pub mod credential_store;
pub mod expiry_warnings;
pub mod file_stamp;
pub mod watcher;
