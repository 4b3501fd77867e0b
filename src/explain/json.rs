//! Settings as JSON.

use serde_json::{Map, json};

use super::settings::{Entry, Settings, Value};

/// Writes the object, with an end of line.
pub(super) fn render(settings: &Settings) -> String {
    let hosts = settings.hosts.iter().map(|host| {
        let mut object = object(&host.entries);
        object.insert("routes".to_owned(), host.routes.iter().map(|route| object_of(route)).collect());
        serde_json::Value::Object(object)
    });
    let hosts: Vec<_> = hosts.collect();
    let default_host = settings.default_host.as_ref().map(value);
    let all = json!({ "default_host": default_host, "process": object(&settings.process), "hosts": hosts });
    format!("{all:#}\n")
}

fn object(entries: &[Entry]) -> Map<String, serde_json::Value> {
    entries.iter().map(|(key, it)| ((*key).to_owned(), value(it))).collect()
}

fn object_of(entries: &[Entry]) -> serde_json::Value {
    serde_json::Value::Object(object(entries))
}

fn value(it: &Value) -> serde_json::Value {
    match it {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
        Value::List(items) => json!(items),
        Value::Table(entries) => entries.iter().map(|(key, it)| (key.clone(), value(it))).collect(),
    }
}
