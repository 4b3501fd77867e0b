//! Bytes and connections: everything that touches a socket, and nothing that knows about routes.

pub mod buffer_pool;
pub mod idle_timer;
pub mod listener;
pub(crate) mod local_executor;
pub mod proxy_protocol;
pub mod tcp;
