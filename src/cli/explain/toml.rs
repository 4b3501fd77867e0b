//! Serialises the outline as a TOML configuration file.

use super::key_values::KeyValues;
use super::value::{KeyValue, OutputValue};

/// Returns the text of the file.
pub(super) fn render(key_values: &KeyValues) -> String {
    let mut text = String::new();
    if let Some(name) = &key_values.default_host {
        text += &format!("default_host = {}\n\n", value(name));
    }
    text += &section("[process]", &key_values.process);
    if let Some(status) = &key_values.status {
        text += &section("\n[status]", status);
    }
    if let Some(acme) = &key_values.acme {
        text += &section("\n[acme]", acme);
    }
    for host in &key_values.hosts {
        text += &section("\n[[host]]", &host.entries);
        for route in &host.routes {
            text += &section("\n[[host.route]]", route);
        }
    }
    text
}

fn section(heading: &str, entries: &[KeyValue]) -> String {
    let lines = entries.iter().map(|(key, it)| format!("{key} = {}\n", value(it)));
    format!("{heading}\n{}", lines.collect::<String>())
}

fn value(it: &OutputValue) -> String {
    match it {
        OutputValue::Text(text) => quoted(text),
        OutputValue::Number(number) => number.to_string(),
        OutputValue::Flag(flag) => flag.to_string(),
        OutputValue::List(items) => {
            format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
        }
        OutputValue::Table(entries) => table(entries),
        OutputValue::Tables(tables) => {
            format!("[{}]", tables.iter().map(|it| table(it)).collect::<Vec<_>>().join(", "))
        }
    }
}

fn table(entries: &[(String, OutputValue)]) -> String {
    let entries = entries.iter().map(|(key, it)| format!("{} = {}", name(key), value(it)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Returns a key, in quotes if it is no bare key.
fn name(key: &str) -> String {
    let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    ::toml::Value::from(text).to_string()
}
