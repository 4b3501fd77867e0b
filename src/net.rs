//! Bytes and connections: everything that touches a socket, and nothing that knows about routes.

pub mod certificate;
pub mod client_body;
pub mod client_certificate;
pub mod client_socket;
pub mod client_stream;
pub mod client_verifier;
pub mod connection;
mod distinguished_name;
mod encrypted_key;
pub mod file_problem;
pub mod gathered_stream;
pub mod idle_timer;
pub mod keepalive;
pub mod key_choice;
pub mod lent_buffer;
pub mod listener;
mod local_executor;
pub mod peer;
mod pem;
pub mod proxy_header;
pub mod server_config;
pub mod ticket_keys;
pub mod tls;
pub mod tls_session;
pub mod upstream;
mod validity;
mod watchdog;
