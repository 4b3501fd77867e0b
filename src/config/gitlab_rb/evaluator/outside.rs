//! What lies outside the settings and can be asked: `ENV`, `File`, `node`, `Gitlab` and the like.

use std::path::Path;

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::Const;

use super::Evaluator;
use crate::config::gitlab_rb::value::{Data, Hash, Value};
use crate::config::gitlab_rb::words::{self, Word};
use crate::config::source::Place;

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
        Value::new(Data::Constant(name), &place)
    }

    /// Calls a method of a constant.
    pub(super) fn ask(&mut self, constant: &str, name: &str, arguments: &[Value], place: &Place) -> Value {
        if let Some(unknown) = arguments.iter().find_map(Value::as_unknown) {
            return Value::new(Data::Unknown(unknown.clone()), place);
        }
        let answer = match constant {
            "ENV" => self.environment(name, arguments, place),
            "File" | "FileTest" | "IO" | "Dir" => self.file_system(name, arguments, place),
            "Gitlab" => self.gitlab(name, arguments, place),
            "Socket" if name == "gethostname" => Some(self.node_value("hostname", place)),
            "JSON" => json(name, arguments, place),
            node if node == "node" || node.starts_with("node.") => self.node(node, name, arguments, place),
            _ => None,
        };
        answer.unwrap_or_else(|| Value::unknown(format!("`{constant}.{name}` would have to be executed"), place))
    }

    fn environment(&self, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
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

    fn file_system(&self, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
        if name == "join" {
            return joined(arguments, place);
        }
        let Data::Text(written) = &arguments.first()?.data else { return None };
        let path = Path::new(written);
        let part =
            |part: Option<&std::ffi::OsStr>| Data::Text(part.unwrap_or_default().to_string_lossy().into_owned());
        let data = match name {
            "exist?" | "exists?" | "file?" | "readable?" | "directory?" => {
                Data::Flag(self.surroundings.exists(path))
            }
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
            "expand_path" if path.is_absolute() && arguments.len() == 1 => Data::Text(written.clone()),
            _ => return None,
        };
        Some(Value::new(data, place))
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
        match words::lookup(&word)? {
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
    if name != "parse" {
        return None;
    }
    Some(match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => from_json(json, place),
        Err(why) => Value::raises(format!("this is not JSON: {why}"), place),
    })
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

/// Keys of `node` with more keys below them.
const NODE_HASHES: [&str; 5] = ["cpu", "memory", "network", "kernel", "network.interfaces"];
