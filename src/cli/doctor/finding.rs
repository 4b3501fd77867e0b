//! Check results and their severity.

/// One problem or warning with advice.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: FindingSeverity,
    /// One sentence: what is wrong, then what to do.
    pub text: String,
}

/// Problem or warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingSeverity {
    /// Some requests cannot be served.
    Problem,
    /// Requests may fail, or will fail later.
    Warning,
}

impl Finding {
    pub(super) fn problem(text: impl ToString) -> Finding {
        Finding { severity: FindingSeverity::Problem, text: text.to_string() }
    }

    pub(super) fn warning(text: impl ToString) -> Finding {
        Finding { severity: FindingSeverity::Warning, text: text.to_string() }
    }
}

impl FindingSeverity {
    /// Returns the word at the beginning of an output line.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingSeverity::Problem => "problem",
            FindingSeverity::Warning => "warning",
        }
    }
}
