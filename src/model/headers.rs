//! Header rules applied to requests and responses.

mod connection_options;
pub mod end_to_end;
pub mod forwarding;
pub mod ops;
pub mod untrusted;
