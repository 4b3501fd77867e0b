//! Header rules applied to requests and responses.

pub mod end_to_end;
pub mod forwarding;
pub mod ops;
pub mod untrusted;
