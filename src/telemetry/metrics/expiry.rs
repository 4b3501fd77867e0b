//! Certificate expiry dates for metrics.

/// Expiry date of one credential of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCertificateExpiry {
    /// The first name of the host.
    pub host: String,
    /// Kind of credential, the value of the metric label `kind`.
    pub kind: &'static str,
    /// Path of the file that holds the credential.
    pub file: String,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub at: u64,
}
