//! Operating system interfaces.

pub mod account;
pub mod signals;
