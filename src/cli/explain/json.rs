//! Settings as JSON.

use serde_json::{Map, json};

use super::key_values::KeyValues;
use super::value::{KeyValue, OutputValue};

/// Writes the object, with an end of line.
pub(super) fn render(settings: &KeyValues) -> String {
    format!("{:#}\n", serde_json::Value::Object(object_of_all(settings)))
}

/// Everything in one object.
pub(super) fn object_of_all(settings: &KeyValues) -> Map<String, serde_json::Value> {
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

fn object(entries: &[KeyValue]) -> Map<String, serde_json::Value> {
    entries.iter().map(|(key, it)| ((*key).to_owned(), value(it))).collect()
}

fn object_of(entries: &[KeyValue]) -> serde_json::Value {
    serde_json::Value::Object(object(entries))
}

fn value(it: &OutputValue) -> serde_json::Value {
    match it {
        OutputValue::Text(text) => json!(text),
        OutputValue::Number(number) => json!(number),
        OutputValue::Flag(flag) => json!(flag),
        OutputValue::List(items) => json!(items),
        OutputValue::Table(entries) => table(entries),
        OutputValue::Tables(tables) => tables.iter().map(|it| table(it)).collect(),
    }
}

fn table(entries: &[(String, OutputValue)]) -> serde_json::Value {
    entries.iter().map(|(key, it)| (key.clone(), value(it))).collect()
}
