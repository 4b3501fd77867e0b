//! Parser for nginx configuration text; does not interpret directives.
//!
//! Each directive carries its source span. `lower::snippet` interprets directives.

mod directive;
mod lexer;
mod source_map;

pub(super) use directive::{DirectiveBody, NginxDirective, parse};
pub(super) use source_map::MappedText;
