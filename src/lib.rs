//! Gatepost: a reverse proxy that takes the place of GitLab's bundled nginx.

// Floor 0: what is meant.
pub mod model;

// Floor 1: text to model, and model to text.
pub mod config;
pub mod explain;
