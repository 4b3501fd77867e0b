//! Gatepost: a reverse proxy that takes the place of GitLab's bundled nginx.

// Floor 0: what is meant.
pub mod model;

// The demonstration, for a machine with nothing else installed.
pub mod demo;
