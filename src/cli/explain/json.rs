//! Serialises the outline as JSON.

use serde_json::{Map, json};

use super::key_values::KeyValues;
use super::value::{KeyValue, OutputValue};

/// Returns the indented object with a line end.
pub(super) fn render(key_values: &KeyValues) -> String {
    format!("{:#}\n", serde_json::Value::Object(root_object(key_values)))
}

/// Returns the whole configuration as one object.
pub(super) fn root_object(key_values: &KeyValues) -> Map<String, serde_json::Value> {
    let hosts = key_values.hosts.iter().map(|host| {
        let mut object = object(&host.entries);
        object.insert("routes".to_owned(), host.routes.iter().map(|route| section(route)).collect());
        serde_json::Value::Object(object)
    });
    let status = key_values.status.as_ref().map(|status| ("status".to_owned(), section(status)));
    let acme = key_values.acme.as_ref().map(|acme| ("acme".to_owned(), section(acme)));
    let always = [
        ("default_host".to_owned(), json!(key_values.default_host.as_ref().map(value))),
        ("process".to_owned(), section(&key_values.process)),
        ("hosts".to_owned(), hosts.collect()),
    ];
    always.into_iter().chain(status).chain(acme).collect()
}

fn object(entries: &[KeyValue]) -> Map<String, serde_json::Value> {
    entries.iter().map(|(key, it)| ((*key).to_owned(), value(it))).collect()
}

fn section(entries: &[KeyValue]) -> serde_json::Value {
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
