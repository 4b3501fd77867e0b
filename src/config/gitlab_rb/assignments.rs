//! All settings and the ordered log of assignments.

use std::rc::Rc;

use super::value::{HashEntry, RubyData, RubyValue, SectionRef, SettingsHash};
use crate::config::span::SourceSpan;

/// Final values of all settings and the assignment log.
#[derive(Debug)]
pub(super) struct AssignedSettings {
    /// The hash of all top-level names.
    pub(super) top: SectionRef,
    /// All assignments, in evaluation order.
    pub(super) log: Vec<Assignment>,
}

/// One assignment in evaluation order.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) path: Vec<String>,
    pub(super) value: RubyValue,
    pub(super) span: SourceSpan,
    pub(super) target: AssignmentTarget,
}

/// Whether a setting or a local variable was assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AssignmentTarget {
    Setting,
    /// A local variable with the name of a setting.
    Variable,
}

impl AssignedSettings {
    pub(super) fn new() -> AssignedSettings {
        AssignedSettings { top: SettingsHash::new(Vec::new()), log: Vec::new() }
    }

    /// Sets a key of a settings hash and logs the assignment.
    pub(super) fn assign(&mut self, section: &SectionRef, key: &str, value: RubyValue, span: &SourceSpan) {
        let mut section = section.borrow_mut();
        self.log.push(Assignment {
            path: section.below(key),
            value: value.clone(),
            span: span.clone(),
            target: AssignmentTarget::Setting,
        });
        section.set(key, value, span);
    }

    /// Returns the final value at a path of keys; `None` if it is not set.
    pub(super) fn entry(&self, path: &[&str]) -> Option<HashEntry> {
        let (last, parents) = path.split_last()?;
        let mut section = Rc::clone(&self.top);
        for key in parents {
            let next = match &section.borrow().get(key)?.value.data {
                RubyData::Section(next) => Rc::clone(next),
                _ => return None,
            };
            section = next;
        }
        let section = section.borrow();
        match &section.tainted {
            Some(taint) => Some(HashEntry { value: taint.clone(), span: taint.span.clone() }),
            None => section.get(last).cloned(),
        }
    }
}
