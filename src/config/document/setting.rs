//! A value with its source span, and a setting that may hold one.

use crate::config::span::SourceSpan;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub span: SourceSpan,
}

/// A value that may be written or not.
#[derive(Debug, Clone, Default)]
pub enum Setting<T> {
    /// Not written: the default holds.
    #[default]
    Unset,
    /// Written in a way that cannot be read. That has been reported; nothing else follows from it.
    Invalid,
    Set(Spanned<T>),
}

impl<T> Setting<T> {
    /// A value that follows from what is written at `place`.
    pub fn set_at(value: T, place: &SourceSpan) -> Setting<T> {
        Setting::Set(Spanned { value, span: place.clone() })
    }

    /// The value and its place, if it can be read.
    pub fn as_set(&self) -> Option<&Spanned<T>> {
        match self {
            Setting::Set(said) => Some(said),
            _ => None,
        }
    }

    pub fn is_unset(&self) -> bool {
        matches!(self, Setting::Unset)
    }

    pub fn is_invalid(&self) -> bool {
        matches!(self, Setting::Invalid)
    }

    /// Where it is written, if it can be read.
    pub fn span(&self) -> Option<&SourceSpan> {
        self.as_set().map(|said| &said.span)
    }
}

impl<T: Clone> Setting<T> {
    /// The value, or a default if there is none to be read.
    pub fn value_or(&self, default: T) -> T {
        self.as_set().map_or(default, |said| said.value.clone())
    }

    /// The value, or the one that stands for nothing at all.
    pub fn value_or_default(self) -> T
    where
        T: Default,
    {
        match self {
            Setting::Set(said) => said.value,
            _ => T::default(),
        }
    }

    /// This setting, or the one below it if nothing is said here.
    pub fn over(&self, below: &Setting<T>) -> Setting<T> {
        if self.is_unset() { below.clone() } else { self.clone() }
    }
}
