//! Everything that was said: the settings as they stand, and each assignment that led there.

use std::rc::Rc;

use super::value::{Data, Entry, Section, SectionRef, Value};
use crate::config::span::Place;

/// All settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) top: SectionRef,
    pub(super) log: Vec<Assignment>,
}

/// One thing that was said.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) place: Place,
    pub(super) target: Target,
}

/// What an assignment goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Setting,
    /// A local variable that is called like a setting.
    Variable,
}

impl Settings {
    pub(super) fn new() -> Settings {
        Settings { top: Section::new(Vec::new()), log: Vec::new() }
    }

    /// Sets a key of a section and remembers that it was said.
    pub(super) fn assign(&mut self, section: &SectionRef, key: &str, value: Value, place: &Place) {
        let mut section = section.borrow_mut();
        self.log.push(Assignment {
            path: section.below(key),
            value: value.clone(),
            place: place.clone(),
            target: Target::Setting,
        });
        section.set(key, value, place);
    }

    /// The value that counts in the end, by the keys that lead to it.
    pub(super) fn entry(&self, path: &[&str]) -> Option<Entry> {
        let (last, parents) = path.split_last()?;
        let mut section = Rc::clone(&self.top);
        for key in parents {
            let next = match &section.borrow().get(key)?.value.data {
                Data::Section(next) => Rc::clone(next),
                _ => return None,
            };
            section = next;
        }
        let section = section.borrow();
        match &section.blurred {
            Some(blur) => Some(Entry { value: blur.clone(), place: blur.place.clone() }),
            None => section.get(last).cloned(),
        }
    }
}
