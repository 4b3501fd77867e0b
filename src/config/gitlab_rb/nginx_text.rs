//! Text in nginx's configuration language: from characters to directives, each with its place.
//!
//! Nothing here knows what a directive means. `lower::snippet` does.

mod directive;
mod lexer;
mod source_map;

pub(super) use directive::{DirectiveBody, NginxDirective, parse};
pub(super) use source_map::MappedText;
