//! Parsers for single values, shared by the TOML and the `gitlab.rb` front end.

pub mod access;
pub mod acme;
pub mod address;
pub mod client_address;
pub mod compression;
pub mod duration;
pub mod header;
pub mod route_path;
pub mod size;
pub mod template;
