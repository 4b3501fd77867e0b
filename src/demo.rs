//! What `gatepost demo` runs behind the proxy. So far: throw-away certificates.

pub mod certificates;
