//! Decides when an expiry warning is logged again.
//!
//! A warning is logged at each threshold, and every day of the last week.

use std::collections::BTreeMap;

use super::credential_problem::{CredentialProblem, ExpiryNotice};
use crate::tls::files::expiry::{Expiry, ExpiryThreshold};

/// Expiry warnings already logged, with the last threshold of each.
#[derive(Debug, Default)]
pub(super) struct ExpiryWarnings(BTreeMap<Expiry, ExpiryThreshold>);

impl ExpiryWarnings {
    /// Logs a problem and records its threshold.
    pub(super) fn log(&mut self, problem: &CredentialProblem) {
        if let Some(ExpiryNotice { expiry, threshold, .. }) = problem.as_expiry() {
            self.0.insert(expiry.clone(), *threshold);
        }
        tracing::warn!("{problem}");
    }

    /// Returns the warnings that are due again, of all current problems. Forgets items that no longer expire soon.
    pub(super) fn due(&mut self, problems: Vec<CredentialProblem>) -> Vec<CredentialProblem> {
        let expiries: Vec<&Expiry> =
            problems.iter().filter_map(CredentialProblem::as_expiry).map(|it| &it.expiry).collect();
        self.0.retain(|known, _| expiries.contains(&known));
        problems.into_iter().filter(|problem| self.is_due(problem)).collect()
    }

    /// Returns whether a problem has to be logged: one without an expiry, a new threshold, or the last week.
    fn is_due(&self, problem: &CredentialProblem) -> bool {
        problem
            .as_expiry()
            .is_none_or(|it| it.threshold >= ExpiryThreshold::Week || self.0.get(&it.expiry) != Some(&it.threshold))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::tls::files::expiry::ExpiryKind;

    /// Returns the problems of a certificate that expires in `left` days.
    fn problems(left: u64) -> Vec<CredentialProblem> {
        let day = Duration::from_secs(86_400);
        let (begin, end) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + day * 365);
        let expiry =
            Expiry { kind: ExpiryKind::Certificate, file: "a.crt".into(), subject: String::new(), begin, end };
        let now = end - day * u32::try_from(left).unwrap();
        CredentialProblem::from_expiry(&expiry, now).into_iter().collect()
    }

    #[test]
    fn a_warning_is_due_at_each_threshold_and_daily_in_the_last_week() {
        let mut warnings = ExpiryWarnings::default();
        let mut logged = Vec::new();
        for left in (0..=40).rev() {
            for problem in warnings.due(problems(left)) {
                warnings.log(&problem);
                logged.push(left);
            }
        }
        assert_eq!(logged, [30, 14, 7, 6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_logged_warning_is_due_at_the_next_threshold() {
        let mut warnings = ExpiryWarnings::default();
        problems(20).iter().for_each(|problem| warnings.log(problem));
        assert!(warnings.due(problems(19)).is_empty());
        assert_eq!(warnings.due(problems(14)).len(), 1);
    }
}
