//! Everything that was said: the settings as they stand, and each assignment that led there.

use std::rc::Rc;

use super::value::{HashEntry, RubyData, RubyValue, SectionRef, SettingsHash};
use crate::config::span::SourceSpan;

/// All settings.
#[derive(Debug)]
pub(super) struct AssignedSettings {
    pub(super) top: SectionRef,
    pub(super) log: Vec<Assignment>,
}

/// One thing that was said.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) path: Vec<String>,
    pub(super) value: RubyValue,
    pub(super) span: SourceSpan,
    pub(super) target: AssignmentTarget,
}

/// What an assignment goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AssignmentTarget {
    Setting,
    /// A local variable that is called like a setting.
    Variable,
}

impl AssignedSettings {
    pub(super) fn new() -> AssignedSettings {
        AssignedSettings { top: SettingsHash::new(Vec::new()), log: Vec::new() }
    }

    /// Sets a key of a section and remembers that it was said.
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

    /// The value that counts in the end, by the keys that lead to it.
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
