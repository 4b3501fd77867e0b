//! Sockets, buffers and timers; knows no HTTP and no configuration.

pub mod buffer_pool;
pub mod idle_timer;
pub mod listener;
pub(crate) mod local_executor;
pub mod proxy_protocol;
pub mod tcp;
