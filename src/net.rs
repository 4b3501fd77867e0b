//! Bytes and connections: everything that touches a socket, and nothing that knows about routes.

pub mod cert_store;
pub mod client_socket;
pub mod client_stream;
pub mod connection;
pub mod gathered_stream;
pub mod idle_timer;
pub mod keepalive;
pub mod lent_buffer;
pub mod listener;
mod local_executor;
pub mod peer;
pub mod proxy_header;
pub mod tls;
pub mod upstream;
