//! TLS with clients: configurations, SNI, client certificates, ACME challenges.

pub mod cert_resolver;
pub mod challenges;
pub mod client_auth;
pub mod client_certificate;
pub mod config;
pub mod session_info;
pub mod sni;
