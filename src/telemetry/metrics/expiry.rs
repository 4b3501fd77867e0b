//! When what hosts need comes to an end, for the page of metrics.

/// One end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCertificateExpiry {
    /// The first name of the host.
    pub host: String,
    /// What it is that ends, in a word.
    pub kind: &'static str,
    pub file: String,
    /// In seconds since 1970.
    pub at: u64,
}
