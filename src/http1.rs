//! HTTP/1 codec parts shared by downstream and upstream connections.

pub mod body_decoder;
pub(crate) mod fields;
pub mod parse_error;
pub(crate) mod persistence;
pub(crate) mod read_buffer;
