//! Top-level calls: settings, `from_file`, Kernel methods.

use std::path::Path;
use std::rc::Rc;

use lib_ruby_parser::nodes::Send;

use super::blocks::RubyBlock;
use super::interpreter::{ControlFlow, Evaluator};
use super::{number_methods, sprintf};
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::top_level::{self, TopLevelName};
use crate::config::gitlab_rb::value::{RubyData, RubyValue, SectionRef};
use crate::config::span::{SourceFile, SourceSpan};

impl Evaluator<'_> {
    /// Evaluates a call without a receiver: `name`, `name(…)` or `name …`.
    pub(super) fn bare_call(&mut self, call: &Send, block: Option<&RubyBlock<'_>>, span: &SourceSpan) -> RubyValue {
        let name = call.method_name.as_str();
        let arguments = self.items(&call.args);
        if ["it", "_1"].contains(&name) && arguments.is_empty() && self.variables.contains_key(name) {
            return self.variable(name, span);
        }
        if let Some(value) = self.call_defined(name, arguments.clone(), span) {
            return value;
        }
        let at = self.name_span(call.selector_l.as_ref(), &call.expression_l);
        match top_level::lookup(name) {
            Some(TopLevelName::Section) => self.settings_hash(name, arguments, &at),
            Some(TopLevelName::Plain) => self.plain_setting(name, arguments, &at),
            None => self.function(call, arguments, block, span),
        }
    }

    /// Evaluates `nginx`, or `nginx({ … })`, which replaces all keys of the hash.
    pub(super) fn settings_hash(&mut self, name: &str, arguments: Vec<RubyValue>, span: &SourceSpan) -> RubyValue {
        let section = self.section(name, span);
        match arguments.into_iter().next() {
            Some(RubyValue { data: RubyData::Hash(hash), .. }) => {
                section.borrow_mut().clear();
                for (key, value) in hash.0 {
                    if matches!(key.data, RubyData::Symbol(_)) {
                        self.warn_of_symbol(&key);
                        continue;
                    }
                    let span = key.span.clone();
                    self.store_in_section(&section, &key, value, &span);
                }
            }
            Some(other) if other.as_unknown().is_some() => section.borrow_mut().tainted = Some(other),
            Some(_) => self.report_unsupported(span, &format!("the argument of `{name}` must be a hash")),
            None => {}
        }
        RubyValue::new(RubyData::Section(section), span)
    }

    /// Warns of a symbol key. In this form the package does not convert symbols to strings, but reads only strings.
    fn warn_of_symbol(&mut self, key: &RubyValue) {
        let name = key.to_text().unwrap_or_default();
        let warning = Diagnostic::warning(&key.span, format!("the symbol `{name}` sets nothing in this form"));
        self.problems.push(warning.help(format!("write a string: '{name}' => …")));
    }

    fn section(&mut self, name: &str, span: &SourceSpan) -> SectionRef {
        let top = Rc::clone(&self.settings.top);
        let value = top.borrow_mut().read(name, span);
        match value.data {
            RubyData::Section(section) => section,
            // The file has overwritten the hash: `Gitlab['nginx'] = 1`.
            _ => Rc::clone(&self.settings.top),
        }
    }

    /// Evaluates a plain setting: `external_url` reads it, `external_url '…'` sets it.
    pub(super) fn plain_setting(
        &mut self,
        name: &str,
        mut arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> RubyValue {
        if arguments.is_empty() {
            let entry = self.settings.entry(&[name]);
            return entry.map_or_else(|| RubyValue::nil(span), |entry| entry.value);
        }
        let value = if arguments.len() == 1 {
            arguments.swap_remove(0)
        } else {
            RubyValue::new(RubyData::List(arguments), span)
        };
        self.set_top_level(name, value.clone(), span);
        value
    }

    fn function(
        &mut self,
        call: &Send,
        arguments: Vec<RubyValue>,
        block: Option<&RubyBlock<'_>>,
        span: &SourceSpan,
    ) -> RubyValue {
        let name = call.method_name.as_str();
        match (name, &arguments[..]) {
            ("from_file", [path]) => self.include(path, span),
            ("node", []) => RubyValue::new(RubyData::Constant("node".to_owned()), span),
            ("puts" | "print" | "p" | "warn" | "pp" | "require" | "require_relative", _) => RubyValue::nil(span),
            ("raise" | "abort" | "fail" | "exit", _) => self.stop(name, &arguments, span),
            ("eval" | "instance_eval", [RubyValue { data: RubyData::Text(code), .. }]) => {
                let name = format!("{} (eval)", span.file_name().display());
                self.file(&SourceFile::new(Path::new(&name), code.as_str()));
                RubyValue::nil(span)
            }
            ("eval" | "instance_eval" | "class_eval" | "load", _) => self.could_set_anything(name, span),
            ("method" | "public_method", [method]) if method.as_key().is_none_or(is_setting) => {
                self.could_set_anything(name, span)
            }
            (_, arguments) if arguments.iter().any(|it| it.as_unknown().is_some()) => {
                let unknown = arguments.iter().find_map(RubyValue::as_unknown).cloned();
                unknown.map_or_else(
                    || RubyValue::nil(span),
                    |unknown| RubyValue::new(RubyData::Unknown(unknown), span),
                )
            }
            ("Integer" | "Float" | "String" | "Array", [value, ..]) => number_methods::convert(name, value, span),
            ("format" | "sprintf", [RubyValue { data: RubyData::Text(text), .. }, rest @ ..]) => {
                sprintf::format(text, rest, span)
            }
            ("loop" | "lambda" | "proc", _) => self.unknown_call(name, block, span),
            _ => {
                let at = self.name_span(call.selector_l.as_ref(), &call.expression_l);
                self.report_unknown_name(name, &at);
                self.unknown_call(name, block, span)
            }
        }
    }

    fn unknown_call(&mut self, name: &str, block: Option<&RubyBlock<'_>>, span: &SourceSpan) -> RubyValue {
        let value = RubyValue::unknown(format!("requires executing `{name}`"), span);
        if let (Some(reason), Some(block)) = (value.as_unknown(), block) {
            self.run_speculatively(reason, block);
        }
        value
    }

    /// Reports a top-level name that no version of the package defines.
    ///
    /// The file may be written for another version, so only a misspelled name is an error.
    fn report_unknown_name(&mut self, name: &str, span: &SourceSpan) {
        let message = format!("unknown setting `{name}`");
        self.problems.push(match top_level::similar(name) {
            Some(known) => Diagnostic::error(span, message).help(format!("did you mean `{known}`?")),
            None => Diagnostic::warning(span, message)
                .help("it has no effect in Gatepost; `gitlab-ctl reconfigure` may reject it"),
        });
    }

    fn stop(&mut self, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> RubyValue {
        let message = arguments.iter().filter_map(RubyValue::to_text).collect::<Vec<_>>().join(" ");
        if self.rescue_depth > 0 && ["raise", "fail"].contains(&name) {
            return RubyValue::raises(format!("an exception is raised here: {message}"), span);
        }
        if self.uncertainty.is_none() {
            let error = Diagnostic::error(span, format!("the file calls `{name}` here: {message}"));
            self.problems.push(error.help("correct the condition that the file reports"));
        }
        self.flow = ControlFlow::Return(RubyValue::nil(span));
        RubyValue::raises(format!("`{name}` ends the file"), span)
    }

    pub(super) fn could_set_anything(&mut self, name: &str, span: &SourceSpan) -> RubyValue {
        let message =
            format!("`{name}` is not supported: it can change any setting, and Gatepost does not execute code");
        self.problems.push(Diagnostic::error(span, message).help("write the settings into this file"));
        RubyValue::unknown(format!("requires executing `{name}`"), span)
    }

    /// Evaluates `from_file`: the other file is evaluated in place.
    fn include(&mut self, path: &RubyValue, span: &SourceSpan) -> RubyValue {
        let RubyData::Text(path) = &path.data else { return self.could_set_anything("from_file", span) };
        let path = Path::new(path);
        match self.environment.read(path) {
            Ok(text) => {
                let source = SourceFile::new(path, text);
                self.file(&source);
            }
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                self.problems.push(Diagnostic::error(span, message).help("correct the path, or remove the line"));
            }
        }
        RubyValue::nil(span)
    }
}

fn is_setting(name: &str) -> bool {
    top_level::lookup(name).is_some()
}
