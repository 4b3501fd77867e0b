//! When a warning of an end is due again: at each step towards it, and every day of the last week.

use std::collections::BTreeMap;

use super::objection::{ExpiryNotice, Objection};
use crate::tls::files::expiry::{Expiry, ExpiryThreshold};

/// What the log has been told of ends to come.
#[derive(Debug, Default)]
pub(super) struct ExpiryWarnings(BTreeMap<Expiry, ExpiryThreshold>);

impl ExpiryWarnings {
    /// Tells the log.
    pub(super) fn log(&mut self, problem: &Objection) {
        if let Some(ExpiryNotice { expiry, step, .. }) = problem.as_expiry() {
            self.0.insert(expiry.clone(), *step);
        }
        tracing::warn!("{problem}");
    }

    /// What of all the day's problems is due, and forgets ends that are no problem any more.
    pub(super) fn due(&mut self, problems: Vec<Objection>) -> Vec<Objection> {
        let ends: Vec<&Expiry> = problems.iter().filter_map(Objection::as_expiry).map(|it| &it.expiry).collect();
        self.0.retain(|known, _| ends.contains(&known));
        problems.into_iter().filter(|problem| self.is_due(problem)).collect()
    }

    fn is_due(&self, problem: &Objection) -> bool {
        problem
            .as_expiry()
            .is_none_or(|it| it.step >= ExpiryThreshold::Week || self.0.get(&it.expiry) != Some(&it.step))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::tls::files::expiry::ExpiryKind;

    /// What is wrong when so many days are left.
    fn problems(left: u64) -> Vec<Objection> {
        let day = Duration::from_secs(86_400);
        let (begin, end) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + day * 365);
        let expiry =
            Expiry { kind: ExpiryKind::Certificate, file: "a.crt".into(), subject: String::new(), begin, end };
        let now = end - day * u32::try_from(left).unwrap();
        Objection::from_expiry(&expiry, now).into_iter().collect()
    }

    #[test]
    fn an_end_is_told_once_at_each_step_and_daily_in_the_last_week() {
        let mut reminders = ExpiryWarnings::default();
        let mut told = Vec::new();
        for left in (0..=40).rev() {
            for problem in reminders.due(problems(left)) {
                reminders.log(&problem);
                told.push(left);
            }
        }
        assert_eq!(told, [30, 14, 7, 6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn what_was_told_at_the_start_waits_for_the_next_step() {
        let mut reminders = ExpiryWarnings::default();
        problems(20).iter().for_each(|problem| reminders.log(problem));
        assert!(reminders.due(problems(19)).is_empty());
        assert_eq!(reminders.due(problems(14)).len(), 1);
    }
}
