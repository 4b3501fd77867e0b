//! `ENV`, `File`, `Dir`, `node`, `Gitlab` and other access to the environment.

use std::ops::Not;
use std::path::Path;

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::Const;
use regex::Regex;

use super::case_equality::is_a;
use super::interpreter::Evaluator;
use super::iteration::pairs_to_hash;
use super::yaml;
use crate::config::gitlab_rb::top_level::{self, TopLevelName};
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Returns a constant of the file, or a built-in one, by its name.
    pub(super) fn constant(&mut self, constant: &Const) -> RubyValue {
        let span = self.span(&constant.expression_l);
        if let Some(value) = self.globals.get(&constant.name) {
            return RubyValue { span, ..value.clone() };
        }
        let name = match constant.scope.as_deref() {
            Some(Node::Const(outer)) => format!("{}::{}", outer.name, constant.name),
            _ => constant.name.clone(),
        };
        match name.as_str() {
            "True" | "False" | "None" | "Nil" | "TRUE" | "FALSE" | "NULL" => {
                let meant = if ["None", "NULL"].contains(&&*name) { "nil".to_owned() } else { name.to_lowercase() };
                RubyValue::raises(format!("Ruby has no `{name}`; write `{meant}`"), &span)
            }
            _ if CONSTANTS.contains(&name.as_str()) => RubyValue::new(RubyData::Constant(name), &span),
            _ => RubyValue::unknown(format!("`{name}` is not defined in this file"), &span),
        }
    }

    /// Calls a method of a built-in constant.
    pub(super) fn call_constant(
        &mut self,
        constant: &str,
        name: &str,
        arguments: &[RubyValue],
        span: &SourceSpan,
    ) -> RubyValue {
        // An unknown value of a setting is stored, because each use of it is reported.
        if let Some(unknown) = arguments.iter().find_map(RubyValue::as_unknown)
            && constant != "Gitlab"
        {
            return RubyValue::new(RubyData::Unknown(unknown.clone()), span);
        }
        let result = match constant {
            "ENV" => self.env_call(name, arguments, span),
            "Dir" if ["glob", "[]"].contains(&name) => self.glob(arguments, span),
            "File" | "FileTest" | "IO" | "Dir" | "Pathname" => self.file_system(constant, name, arguments, span),
            "Hash" | "Array" | "String" => created(constant, name, arguments, span),
            "Gitlab" => self.gitlab(name, arguments, span),
            "Socket" if name == "gethostname" => Some(self.node_value("hostname", span)),
            "STDOUT" | "STDERR" if ["puts", "print", "write", "flush"].contains(&name) => {
                Some(RubyValue::nil(span))
            }
            "YAML" | "Psych" if ["load", "safe_load"].contains(&name) => match arguments {
                [RubyValue { data: RubyData::Text(text), .. }] => Some(yaml::load(text, span)),
                _ => None,
            },
            "JSON" => json(name, arguments, span),
            node if node == "node" || node.starts_with("node.") => self.node(node, name, arguments, span),
            _ => None,
        };
        result.unwrap_or_else(|| RubyValue::unknown(format!("requires executing `{constant}.{name}`"), span))
    }

    /// Returns all environment variables as a hash.
    pub(super) fn all_variables(&self, span: &SourceSpan) -> RubyValue {
        let pair = |(name, value)| (RubyValue::text(name, span), RubyValue::text(value, span));
        RubyValue::new(RubyData::Hash(RubyHash(self.environment.variables().into_iter().map(pair).collect())), span)
    }

    /// Calls a method of `ENV`.
    fn env_call(&mut self, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
        if !["[]", "fetch", "key?", "has_key?", "include?", "member?"].contains(&name) {
            let all = self.all_variables(span);
            return Some(self.operate(all, name, arguments.to_vec(), span));
        }
        let variable = arguments.first().and_then(RubyValue::as_key)?;
        let value = self.environment.variable(variable).map(|value| RubyValue::text(value, span));
        Some(match (name, arguments) {
            ("[]", _) => value.unwrap_or_else(|| RubyValue::nil(span)),
            ("key?" | "has_key?" | "include?" | "member?", _) => {
                RubyValue::new(RubyData::Flag(value.is_some()), span)
            }
            ("fetch", [_, default]) => value.unwrap_or_else(|| default.clone()),
            ("fetch", _) => value.unwrap_or_else(|| {
                RubyValue::raises(
                    format!("the environment variable `{variable}` is not set; Ruby raises an exception"),
                    span,
                )
            }),
            _ => return None,
        })
    }

    /// Evaluates `Dir.glob('/etc/gitlab/conf.d/*.rb')`; wildcards are supported in the file name only.
    fn glob(&self, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
        let (directory, pattern) = arguments.first()?.as_key()?.rsplit_once('/')?;
        if arguments.len() > 1 || directory.contains(['*', '?', '[', '{']) || pattern.contains(['[', '{', '\\']) {
            return None;
        }
        let root = if directory.is_empty() { "/" } else { directory };
        let names = self.environment.names_in(Path::new(root)).unwrap_or_default();
        let seen = names.into_iter().filter(|name| !name.starts_with('.') && is_like(name, pattern));
        let paths = seen.map(|name| RubyValue::text(format!("{directory}/{name}"), span));
        Some(RubyValue::new(RubyData::List(paths.collect()), span))
    }

    /// Calls a method of `File`, `Dir` and similar classes.
    fn file_system(
        &self,
        class: &str,
        name: &str,
        arguments: &[RubyValue],
        span: &SourceSpan,
    ) -> Option<RubyValue> {
        if name == "join" {
            return joined(arguments, span);
        }
        let RubyData::Text(written) = &arguments.first()?.data else { return None };
        let path = Path::new(written);
        let part = |part: Option<&std::ffi::OsStr>| {
            RubyData::Text(part.unwrap_or_default().to_string_lossy().into_owned())
        };
        let data = match name {
            "directory?" => RubyData::Flag(self.is_directory(path)),
            "exist?" | "exists?" if class == "Dir" => RubyData::Flag(self.is_directory(path)),
            "file?" => RubyData::Flag(self.environment.exists(path) && !self.is_directory(path)),
            "exist?" | "exists?" | "readable?" => RubyData::Flag(self.environment.exists(path)),
            "read" | "binread" => return Some(self.read_file(path, span)),
            "readlines" | "foreach" => {
                let RubyValue { data: RubyData::Text(text), .. } = self.read_file(path, span) else {
                    return Some(self.read_file(path, span));
                };
                let lines = text.split_inclusive('\n').map(|line| RubyValue::text(line, span));
                RubyData::List(lines.collect())
            }
            "basename" => match arguments.get(1).and_then(RubyValue::as_key) {
                Some(".*") => part(path.file_stem()),
                Some(ending) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    RubyData::Text(name.strip_suffix(ending).unwrap_or(&name).to_owned())
                }
                None => part(path.file_name()),
            },
            "dirname" => part(path.parent().map(Path::as_os_str)),
            "extname" => {
                RubyData::Text(path.extension().map_or(String::new(), |it| format!(".{}", it.to_string_lossy())))
            }
            "expand_path" if !written.contains("..") && !written.starts_with('~') => {
                let from = Path::new(arguments.get(1).map_or(Some("/nowhere"), RubyValue::as_key)?);
                let absolute = from.join(path);
                return absolute
                    .starts_with("/nowhere")
                    .not()
                    .then(|| RubyValue::text(absolute.display().to_string(), span));
            }
            _ => return None,
        };
        Some(RubyValue::new(data, span))
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.environment.names_in(path).is_some()
    }

    fn read_file(&self, path: &Path, span: &SourceSpan) -> RubyValue {
        match self.environment.read(path) {
            Ok(text) => RubyValue::text(text, span),
            Err(error) => RubyValue::raises(format!("cannot read `{}`: {error}", path.display()), span),
        }
    }

    /// Evaluates `Gitlab['nginx']`, which is the same as `nginx`.
    fn gitlab(&mut self, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
        let (setting, arguments) = match (name, arguments) {
            ("[]", [key]) => (key.as_key()?, Vec::new()),
            (setting, arguments) => (setting, arguments.to_vec()),
        };
        Some(match top_level::lookup(setting)? {
            TopLevelName::Section => self.settings_hash(setting, arguments, span),
            TopLevelName::Plain => self.plain_setting(setting, arguments, span),
        })
    }

    /// Evaluates `node['cpu']['total']`, one key at a time.
    fn node(&self, above: &str, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
        let keys: Vec<&str> = match name {
            "[]" | "dig" | "read" | "fetch" => arguments.iter().map(RubyValue::as_key).collect::<Option<_>>()?,
            method if arguments.is_empty() => vec![method],
            _ => return None,
        };
        let path = format!("{above}.{}", keys.join("."));
        let key = path.strip_prefix("node.")?;
        if NODE_HASHES.contains(&key) {
            return Some(RubyValue::new(RubyData::Constant(path), span));
        }
        Some(self.node_value(key, span))
    }

    fn node_value(&self, key: &str, span: &SourceSpan) -> RubyValue {
        match self.environment.node(key) {
            Some(value) => match value.parse() {
                Ok(number) => RubyValue::new(RubyData::Int(number), span),
                Err(_) => RubyValue::text(value, span),
            },
            None => {
                RubyValue::unknown(format!("`node['{}']` is known only to Chef", key.replace('.', "']['")), span)
            }
        }
    }
}

fn joined(arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let parts: Vec<&str> = arguments.iter().map(RubyValue::as_key).collect::<Option<_>>()?;
    let mut path = String::new();
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            path.truncate(path.trim_end_matches('/').len());
            path.push('/');
        }
        path += if nth > 0 { part.trim_start_matches('/') } else { part };
    }
    Some(RubyValue::text(path, span))
}

/// Evaluates `JSON.parse(text)`.
fn json(name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let RubyData::Text(text) = &arguments.first()?.data else { return None };
    let names_are_symbols = match arguments.get(1).map(|options| &options.data) {
        None => false,
        Some(RubyData::Hash(options)) => {
            let wanted = RubyValue::new(RubyData::Symbol("symbolize_names".to_owned()), span);
            options.get(&wanted).is_some_and(|wanted| wanted.truth() == Some(true))
        }
        Some(_) => return None,
    };
    if !["parse", "load"].contains(&name) {
        return None;
    }
    Some(match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) if names_are_symbols => with_symbols(from_json(json, span)),
        Ok(json) => from_json(json, span),
        Err(error) => RubyValue::raises(format!("invalid JSON: {error}"), span),
    })
}

/// Converts all keys to symbols.
fn with_symbols(value: RubyValue) -> RubyValue {
    let data = match value.data {
        RubyData::List(items) => RubyData::List(items.into_iter().map(with_symbols).collect()),
        RubyData::Hash(hash) => {
            let symbol = |key: RubyValue| match key.data {
                RubyData::Text(text) => RubyValue { data: RubyData::Symbol(text), ..key },
                _ => key,
            };
            RubyData::Hash(RubyHash(
                hash.0.into_iter().map(|(key, value)| (symbol(key), with_symbols(value))).collect(),
            ))
        }
        other => other,
    };
    RubyValue { data, ..value }
}

/// Evaluates `Hash.new`, `Array.new(2, 'x')`, `String.new`, `Hash[…]` and `String === value`.
fn created(class: &str, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let data = match (class, name, arguments) {
        (_, "===", [value]) => RubyData::Flag(is_a(value, class)?),
        ("Hash", "new", []) => RubyData::Hash(RubyHash::default()),
        ("Hash", "[]", [RubyValue { data: RubyData::List(pairs), .. }]) => {
            return Some(pairs_to_hash(pairs.clone(), span));
        }
        ("Hash", "[]", [hash @ RubyValue { data: RubyData::Hash(_), .. }]) => return Some(hash.clone()),
        ("Array", "new", []) => RubyData::List(Vec::new()),
        ("Array", "new", [RubyValue { data: RubyData::Int(count), .. }, item]) if (0..1000).contains(count) => {
            RubyData::List(std::iter::repeat_n(item.clone(), usize::try_from(*count).ok()?).collect())
        }
        ("Array", "[]", items) => RubyData::List(items.to_vec()),
        ("String", "new", []) => RubyData::Text(String::new()),
        ("String", "new", [text @ RubyValue { data: RubyData::Text(_), .. }]) => return Some(text.clone()),
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

/// Returns whether a name matches a pattern with `*` and `?`.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut escaped = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
    escaped.insert_str(0, "^(?s:");
    Regex::new(&(escaped + ")$")).is_ok_and(|pattern| pattern.is_match(name))
}

/// Converts a JSON value. The JSON parser bounds the depth of the recursion.
fn from_json(json: serde_json::Value, span: &SourceSpan) -> RubyValue {
    use serde_json::Value as Json;
    let data = match json {
        Json::Null => RubyData::Nil,
        Json::Bool(flag) => RubyData::Flag(flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => RubyData::Int(number),
            None => RubyData::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => RubyData::Text(text),
        Json::Array(items) => RubyData::List(items.into_iter().map(|item| from_json(item, span)).collect()),
        Json::Object(entries) => {
            let pair = |(key, value)| (RubyValue::text(key, span), from_json(value, span));
            RubyData::Hash(RubyHash(entries.into_iter().map(pair).collect()))
        }
    };
    RubyValue::new(data, span)
}

/// Built-in constants whose methods are called or that are compared with.
const CONSTANTS: [&str; 29] = [
    "ENV",
    "File",
    "FileTest",
    "IO",
    "Dir",
    "Gitlab",
    "Socket",
    "JSON",
    "YAML",
    "Psych",
    "Hash",
    "Array",
    "String",
    "Symbol",
    "Integer",
    "Float",
    "Numeric",
    "NilClass",
    "TrueClass",
    "FalseClass",
    "Enumerable",
    "Object",
    "Comparable",
    "Kernel",
    "STDOUT",
    "STDERR",
    "Time",
    "Date",
    "Pathname",
];

/// Keys of `node` that contain more keys.
const NODE_HASHES: [&str; 5] = ["cpu", "memory", "network", "kernel", "network.interfaces"];
