//! Ruby values with source spans, as far as settings need them.

mod data;
mod inspect;
mod section;

pub(super) use data::{
    HashEntry, RegexpMatch, RubyData, RubyHash, RubyValue, SectionRef, SettingsHash, UnknownCause, UnknownValue,
};
