//! The language of HTTP/1, as far as it is the same towards clients and applications.

pub(crate) mod body_decoder;
pub(crate) mod fields;
pub(crate) mod parse_error;
pub(crate) mod persistence;
pub(crate) mod read_buffer;
