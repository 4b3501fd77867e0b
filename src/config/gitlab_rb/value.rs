//! Ruby values, as far as settings need them. Each knows where it was written.

mod data;
mod inspect;
mod section;

pub(super) use data::{
    HashEntry, RegexpMatch, RubyData, RubyHash, RubyValue, SectionRef, SettingsHash, UnknownCause, UnknownValue,
};
