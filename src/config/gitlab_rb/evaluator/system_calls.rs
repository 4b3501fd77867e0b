//! What lies outside the settings and can be asked: `ENV`, `File`, `node`, `Gitlab` and the like.

use std::ops::Not;
use std::path::Path;

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::Const;
use regex::Regex;

use super::case_equality::is_a;
use super::interpreter::Evaluator;
use super::iteration::pairs_to_hash;
use super::yaml;
use crate::config::gitlab_rb::top_level::{self, Word};
use crate::config::gitlab_rb::value::{Data, Hash, Value};
use crate::config::span::Place;

impl Evaluator<'_> {
    /// A constant of the file, or one of Ruby's, by its name.
    pub(super) fn constant(&mut self, constant: &Const) -> Value {
        let place = self.place(&constant.expression_l);
        if let Some(value) = self.globals.get(&constant.name) {
            return Value { place, ..value.clone() };
        }
        let name = match constant.scope.as_deref() {
            Some(Node::Const(outer)) => format!("{}::{}", outer.name, constant.name),
            _ => constant.name.clone(),
        };
        match name.as_str() {
            "True" | "False" | "None" | "Nil" | "TRUE" | "FALSE" | "NULL" => {
                let meant = if ["None", "NULL"].contains(&&*name) { "nil".to_owned() } else { name.to_lowercase() };
                Value::raises(format!("Ruby has no `{name}`; write `{meant}`"), &place)
            }
            _ if CONSTANTS.contains(&name.as_str()) => Value::new(Data::Constant(name), &place),
            _ => Value::unknown(format!("`{name}` is defined nowhere in this file"), &place),
        }
    }

    /// Calls a method of a constant.
    pub(super) fn ask(&mut self, constant: &str, name: &str, arguments: &[Value], place: &Place) -> Value {
        if let Some(unknown) = arguments.iter().find_map(Value::as_unknown) {
            return Value::new(Data::Unknown(unknown.clone()), place);
        }
        let answer = match constant {
            "ENV" => self.environment(name, arguments, place),
            "Dir" if ["glob", "[]"].contains(&name) => self.glob(arguments, place),
            "File" | "FileTest" | "IO" | "Dir" | "Pathname" => self.file_system(constant, name, arguments, place),
            "Hash" | "Array" | "String" => created(constant, name, arguments, place),
            "Gitlab" => self.gitlab(name, arguments, place),
            "Socket" if name == "gethostname" => Some(self.node_value("hostname", place)),
            "STDOUT" | "STDERR" if ["puts", "print", "write", "flush"].contains(&name) => Some(Value::nil(place)),
            "YAML" | "Psych" if ["load", "safe_load"].contains(&name) => match arguments {
                [Value { data: Data::Text(text), .. }] => Some(yaml::load(text, place)),
                _ => None,
            },
            "JSON" => json(name, arguments, place),
            node if node == "node" || node.starts_with("node.") => self.node(node, name, arguments, place),
            _ => None,
        };
        answer.unwrap_or_else(|| Value::unknown(format!("`{constant}.{name}` would have to be executed"), place))
    }

    /// All of the environment as a hash.
    pub(super) fn all_variables(&self, place: &Place) -> Value {
        let pair = |(name, value)| (Value::text(name, place), Value::text(value, place));
        Value::new(Data::Hash(Hash(self.surroundings.variables().into_iter().map(pair).collect())), place)
    }

    fn environment(&mut self, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
        if !["[]", "fetch", "key?", "has_key?", "include?", "member?"].contains(&name) {
            let all = self.all_variables(place);
            return Some(self.operate(all, name, arguments.to_vec(), place));
        }
        let variable = arguments.first().and_then(Value::as_key)?;
        let value = self.surroundings.variable(variable).map(|value| Value::text(value, place));
        Some(match (name, arguments) {
            ("[]", _) => value.unwrap_or_else(|| Value::nil(place)),
            ("key?" | "has_key?" | "include?" | "member?", _) => Value::new(Data::Flag(value.is_some()), place),
            ("fetch", [_, default]) => value.unwrap_or_else(|| default.clone()),
            ("fetch", _) => value.unwrap_or_else(|| {
                Value::raises(
                    format!("the environment variable {variable} is not set, so Ruby would stop here"),
                    place,
                )
            }),
            _ => return None,
        })
    }

    /// `Dir.glob('/etc/gitlab/conf.d/*.rb')`, with wildcards in the name of the file only.
    fn glob(&self, arguments: &[Value], place: &Place) -> Option<Value> {
        let (directory, pattern) = arguments.first()?.as_key()?.rsplit_once('/')?;
        if arguments.len() > 1 || directory.contains(['*', '?', '[', '{']) || pattern.contains(['[', '{', '\\']) {
            return None;
        }
        let root = if directory.is_empty() { "/" } else { directory };
        let names = self.surroundings.names_in(Path::new(root)).unwrap_or_default();
        let seen = names.into_iter().filter(|name| !name.starts_with('.') && is_like(name, pattern));
        let paths = seen.map(|name| Value::text(format!("{directory}/{name}"), place));
        Some(Value::new(Data::List(paths.collect()), place))
    }

    fn file_system(&self, of: &str, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
        if name == "join" {
            return joined(arguments, place);
        }
        let Data::Text(written) = &arguments.first()?.data else { return None };
        let path = Path::new(written);
        let part =
            |part: Option<&std::ffi::OsStr>| Data::Text(part.unwrap_or_default().to_string_lossy().into_owned());
        let data = match name {
            "directory?" => Data::Flag(self.is_directory(path)),
            "exist?" | "exists?" if of == "Dir" => Data::Flag(self.is_directory(path)),
            "file?" => Data::Flag(self.surroundings.exists(path) && !self.is_directory(path)),
            "exist?" | "exists?" | "readable?" => Data::Flag(self.surroundings.exists(path)),
            "read" | "binread" => return Some(self.read_file(path, place)),
            "readlines" | "foreach" => {
                let Value { data: Data::Text(text), .. } = self.read_file(path, place) else {
                    return Some(self.read_file(path, place));
                };
                let lines = text.split_inclusive('\n').map(|line| Value::text(line, place));
                Data::List(lines.collect())
            }
            "basename" => match arguments.get(1).and_then(Value::as_key) {
                Some(".*") => part(path.file_stem()),
                Some(ending) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    Data::Text(name.strip_suffix(ending).unwrap_or(&name).to_owned())
                }
                None => part(path.file_name()),
            },
            "dirname" => part(path.parent().map(Path::as_os_str)),
            "extname" => {
                Data::Text(path.extension().map_or(String::new(), |it| format!(".{}", it.to_string_lossy())))
            }
            "expand_path" if !written.contains("..") && !written.starts_with('~') => {
                let from = Path::new(arguments.get(1).map_or(Some("/nowhere"), Value::as_key)?);
                let whole = from.join(path);
                return whole
                    .starts_with("/nowhere")
                    .not()
                    .then(|| Value::text(whole.display().to_string(), place));
            }
            _ => return None,
        };
        Some(Value::new(data, place))
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.surroundings.names_in(path).is_some()
    }

    fn read_file(&self, path: &Path, place: &Place) -> Value {
        match self.surroundings.read(path) {
            Ok(text) => Value::text(text, place),
            Err(why) => Value::raises(format!("{} cannot be read: {why}", path.display()), place),
        }
    }

    /// `Gitlab['nginx']`, the same as `nginx`.
    fn gitlab(&mut self, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
        let word = match (name, arguments) {
            ("[]", [key]) => key.as_key()?.to_owned(),
            (word, []) => word.to_owned(),
            _ => return None,
        };
        match top_level::lookup(&word)? {
            Word::Section => Some(self.section_word(&word, Vec::new(), place)),
            Word::Plain => Some(self.settings.entry(&[&word]).map_or_else(|| Value::nil(place), |it| it.value)),
        }
    }

    /// `node['cpu']['total']`, one key after the other.
    fn node(&self, above: &str, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
        let keys: Vec<&str> = match name {
            "[]" | "dig" | "read" | "fetch" => arguments.iter().map(Value::as_key).collect::<Option<_>>()?,
            method if arguments.is_empty() => vec![method],
            _ => return None,
        };
        let path = format!("{above}.{}", keys.join("."));
        let key = path.strip_prefix("node.")?;
        if NODE_HASHES.contains(&key) {
            return Some(Value::new(Data::Constant(path), place));
        }
        Some(self.node_value(key, place))
    }

    fn node_value(&self, key: &str, place: &Place) -> Value {
        match self.surroundings.node(key) {
            Some(value) => match value.parse() {
                Ok(number) => Value::new(Data::Int(number), place),
                Err(_) => Value::text(value, place),
            },
            None => Value::unknown(format!("only Chef knows what node['{}'] is", key.replace('.', "']['")), place),
        }
    }
}

fn joined(arguments: &[Value], place: &Place) -> Option<Value> {
    let parts: Vec<&str> = arguments.iter().map(Value::as_key).collect::<Option<_>>()?;
    let mut path = String::new();
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            path.truncate(path.trim_end_matches('/').len());
            path.push('/');
        }
        path += if nth > 0 { part.trim_start_matches('/') } else { part };
    }
    Some(Value::text(path, place))
}

/// `JSON.parse(text)`
fn json(name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let Data::Text(text) = &arguments.first()?.data else { return None };
    let names_are_symbols = match arguments.get(1).map(|options| &options.data) {
        None => false,
        Some(Data::Hash(options)) => {
            let wanted = Value::new(Data::Symbol("symbolize_names".to_owned()), place);
            options.get(&wanted).is_some_and(|wanted| wanted.truth() == Some(true))
        }
        Some(_) => return None,
    };
    if !["parse", "load"].contains(&name) {
        return None;
    }
    Some(match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) if names_are_symbols => with_symbols(from_json(json, place)),
        Ok(json) => from_json(json, place),
        Err(why) => Value::raises(format!("this is not JSON: {why}"), place),
    })
}

/// The same with symbols for all keys.
fn with_symbols(value: Value) -> Value {
    let data = match value.data {
        Data::List(items) => Data::List(items.into_iter().map(with_symbols).collect()),
        Data::Hash(hash) => {
            let symbol = |key: Value| match key.data {
                Data::Text(text) => Value { data: Data::Symbol(text), ..key },
                _ => key,
            };
            Data::Hash(Hash(hash.0.into_iter().map(|(key, value)| (symbol(key), with_symbols(value))).collect()))
        }
        other => other,
    };
    Value { data, ..value }
}

/// `Hash.new`, `Array.new(2, 'x')`, `String.new`, `Hash[…]`
fn created(class: &str, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let data = match (class, name, arguments) {
        (_, "===", [value]) => Data::Flag(is_a(value, class)?),
        ("Hash", "new", []) => Data::Hash(Hash::default()),
        ("Hash", "[]", [Value { data: Data::List(pairs), .. }]) => {
            return Some(pairs_to_hash(pairs.clone(), place));
        }
        ("Hash", "[]", [hash @ Value { data: Data::Hash(_), .. }]) => return Some(hash.clone()),
        ("Array", "new", []) => Data::List(Vec::new()),
        ("Array", "new", [Value { data: Data::Int(count), .. }, item]) if (0..1000).contains(count) => {
            Data::List(std::iter::repeat_n(item.clone(), usize::try_from(*count).ok()?).collect())
        }
        ("Array", "[]", items) => Data::List(items.to_vec()),
        ("String", "new", []) => Data::Text(String::new()),
        ("String", "new", [text @ Value { data: Data::Text(_), .. }]) => return Some(text.clone()),
        _ => return None,
    };
    Some(Value::new(data, place))
}

/// Whether a name fits a pattern with `*` and `?`.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut escaped = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
    escaped.insert_str(0, "^(?s:");
    Regex::new(&(escaped + ")$")).is_ok_and(|pattern| pattern.is_match(name))
}

/// The depth of JSON is bounded by its parser.
fn from_json(json: serde_json::Value, place: &Place) -> Value {
    use serde_json::Value as Json;
    let data = match json {
        Json::Null => Data::Nil,
        Json::Bool(flag) => Data::Flag(flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Data::Int(number),
            None => Data::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Data::Text(text),
        Json::Array(items) => Data::List(items.into_iter().map(|item| from_json(item, place)).collect()),
        Json::Object(entries) => {
            let pair = |(key, value)| (Value::text(key, place), from_json(value, place));
            Data::Hash(Hash(entries.into_iter().map(pair).collect()))
        }
    };
    Value::new(data, place)
}

/// What Ruby and the package define, as far as it can be asked or compared with.
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

/// Keys of `node` with more keys below them.
const NODE_HASHES: [&str; 5] = ["cpu", "memory", "network", "kernel", "network.interfaces"];
