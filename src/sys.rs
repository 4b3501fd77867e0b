//! Operating system interfaces.

pub mod account;
pub mod files;
pub mod signals;
