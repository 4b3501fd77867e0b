//! A value with its source span, and a setting that may hold one.

use crate::config::span::SourceSpan;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub place: SourceSpan,
}

/// A value that may be written or not.
#[derive(Debug, Clone, Default)]
pub enum Setting<T> {
    /// Not written: the default holds.
    #[default]
    Unsaid,
    /// Written in a way that cannot be read. That has been reported; nothing else follows from it.
    Unreadable,
    Said(Spanned<T>),
}

impl<T> Setting<T> {
    /// A value that follows from what is written at `place`.
    pub fn said_at(value: T, place: &SourceSpan) -> Setting<T> {
        Setting::Said(Spanned { value, place: place.clone() })
    }

    /// The value and its place, if it can be read.
    pub fn said(&self) -> Option<&Spanned<T>> {
        match self {
            Setting::Said(said) => Some(said),
            _ => None,
        }
    }

    pub fn is_unsaid(&self) -> bool {
        matches!(self, Setting::Unsaid)
    }

    pub fn is_unreadable(&self) -> bool {
        matches!(self, Setting::Unreadable)
    }

    /// Where it is written, if it can be read.
    pub fn place(&self) -> Option<&SourceSpan> {
        self.said().map(|said| &said.place)
    }
}

impl<T: Clone> Setting<T> {
    /// The value, or a default if there is none to be read.
    pub fn value_or(&self, default: T) -> T {
        self.said().map_or(default, |said| said.value.clone())
    }

    /// The value, or the one that stands for nothing at all.
    pub fn value_or_default(self) -> T
    where
        T: Default,
    {
        match self {
            Setting::Said(said) => said.value,
            _ => T::default(),
        }
    }

    /// This setting, or the one below it if nothing is said here.
    pub fn over(&self, below: &Setting<T>) -> Setting<T> {
        if self.is_unsaid() { below.clone() } else { self.clone() }
    }
}
