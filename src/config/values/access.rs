//! Access rules as they are written.

use crate::config::diagnostic::ValueError;
use crate::model::access::AccessRule;

/// Reads `allow 10.0.0.0/8` or `deny all`.
pub fn rule(text: &str) -> Result<AccessRule, ValueError> {
    AccessRule::parse(text)
        .map_err(|why| ValueError::new(format!("`{text}` is not an access rule: {why}")).help(EXPECTED))
}

/// What to write where a rule is expected.
pub const EXPECTED: &str = "write rules in their order: [\"allow 10.0.0.0/8\", \"allow ::1\", \"deny all\"]";
