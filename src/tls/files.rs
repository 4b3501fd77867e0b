//! TLS material as read from files.

pub mod certificate;
pub mod distinguished_name;
pub mod encrypted_key;
pub mod expiry;
pub mod file_error;
pub mod issuer;
pub mod pem;
pub mod ticket_keys;
