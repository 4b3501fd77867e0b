//! Parses `allow` and `deny` rules.

use crate::config::diagnostic::ValueError;
use crate::model::access::AccessRule;

/// Parses an access rule: `allow` or `deny`, then `all`, an IP address or a CIDR block.
///
/// ```
/// use gatepost::config::values::access;
///
/// assert!(access::rule("allow 10.0.0.0/8").is_ok());
/// assert!(access::rule("deny all").is_ok());
/// assert!(access::rule("allow localhost").is_err(), "host names are not resolved");
/// ```
///
/// # Errors
/// Returns an error for any other text.
pub fn rule(text: &str) -> Result<AccessRule, ValueError> {
    AccessRule::parse(text)
        .map_err(|error| ValueError::new(format!("`{text}` is not an access rule: {error}")).help(EXPECTED))
}

/// Help text for a value that is not an access rule.
pub const EXPECTED: &str =
    "write rules in order, the first match decides: [\"allow 10.0.0.0/8\", \"allow ::1\", \"deny all\"]";
