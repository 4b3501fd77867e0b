//! What an examination has found.

/// One thing, with what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// One sentence, with advice in it.
    pub text: String,
}

/// Whether it keeps anybody from being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Problem,
    /// It may, or will later.
    Warning,
}

impl Finding {
    pub(super) fn problem(text: impl ToString) -> Finding {
        Finding { severity: Severity::Problem, text: text.to_string() }
    }

    pub(super) fn warning(text: impl ToString) -> Finding {
        Finding { severity: Severity::Warning, text: text.to_string() }
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Problem => "problem",
            Severity::Warning => "warning",
        }
    }
}
