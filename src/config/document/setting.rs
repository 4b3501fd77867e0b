//! A value with its source span, and a setting that may hold one.

use crate::config::span::SourceSpan;

/// A value with its source span.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub span: SourceSpan,
}

/// A setting that is unset, set, or set to an invalid value.
#[derive(Debug, Clone, Default)]
pub enum Setting<T> {
    /// Not in the file: the default applies.
    #[default]
    Unset,
    /// Set to an invalid value. The error is already reported; no further diagnostic is derived from it.
    Invalid,
    Set(Spanned<T>),
}

impl<T> Setting<T> {
    /// Returns a value that is derived from the source text at a span.
    pub fn set_at(value: T, span: &SourceSpan) -> Setting<T> {
        Setting::Set(Spanned { value, span: span.clone() })
    }

    /// Returns the value and its span; `None` if the setting is unset or invalid.
    pub fn as_set(&self) -> Option<&Spanned<T>> {
        match self {
            Setting::Set(spanned) => Some(spanned),
            _ => None,
        }
    }

    /// Returns whether the setting is not in the file.
    pub fn is_unset(&self) -> bool {
        matches!(self, Setting::Unset)
    }

    /// Returns whether the setting has an invalid value.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Setting::Invalid)
    }

    /// Returns the span of the value; `None` if the setting is unset or invalid.
    pub fn span(&self) -> Option<&SourceSpan> {
        self.as_set().map(|spanned| &spanned.span)
    }
}

impl<T: Clone> Setting<T> {
    /// Returns the value, or `default` if the setting is unset or invalid.
    pub fn value_or(&self, default: T) -> T {
        self.as_set().map_or(default, |spanned| spanned.value.clone())
    }

    /// Returns the value, or `T::default()` if the setting is unset or invalid.
    pub fn value_or_default(self) -> T
    where
        T: Default,
    {
        match self {
            Setting::Set(spanned) => spanned.value,
            _ => T::default(),
        }
    }

    /// Uses the more general setting if this one is unset. An invalid setting stays invalid.
    pub fn or(&self, general: &Setting<T>) -> Setting<T> {
        if self.is_unset() { general.clone() } else { self.clone() }
    }
}
