//! What an examination has found.

/// One thing, with what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: FindingSeverity,
    /// One sentence, with advice in it.
    pub text: String,
}

/// Whether it keeps anybody from being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingSeverity {
    Problem,
    /// It may, or will later.
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
    pub fn as_str(self) -> &'static str {
        match self {
            FindingSeverity::Problem => "problem",
            FindingSeverity::Warning => "warning",
        }
    }
}
