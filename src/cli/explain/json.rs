//! Settings as JSON.

use serde_json::{Map, json};

use super::key_values::Settings;
use super::value::{Entry, Value};

/// Writes the object, with an end of line.
pub(super) fn render(settings: &Settings) -> String {
    format!("{:#}\n", serde_json::Value::Object(object_of_all(settings)))
}

/// Everything in one object.
pub(super) fn object_of_all(settings: &Settings) -> Map<String, serde_json::Value> {
    let hosts = settings.hosts.iter().map(|host| {
        let mut object = object(&host.entries);
        object.insert("routes".to_owned(), host.routes.iter().map(|route| object_of(route)).collect());
        serde_json::Value::Object(object)
    });
    let status = settings.status.as_ref().map(|status| ("status".to_owned(), object_of(status)));
    let acme = settings.acme.as_ref().map(|acme| ("acme".to_owned(), object_of(acme)));
    let always = [
        ("default_host".to_owned(), json!(settings.default_host.as_ref().map(value))),
        ("process".to_owned(), object_of(&settings.process)),
        ("hosts".to_owned(), hosts.collect()),
    ];
    always.into_iter().chain(status).chain(acme).collect()
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
        Value::Table(entries) => table(entries),
        Value::Tables(tables) => tables.iter().map(|it| table(it)).collect(),
    }
}

fn table(entries: &[(String, Value)]) -> serde_json::Value {
    entries.iter().map(|(key, it)| (key.clone(), value(it))).collect()
}
