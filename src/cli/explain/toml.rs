//! Settings as a file in our TOML language.

use super::key_values::Settings;
use super::value::{Entry, Value};

/// Writes the file.
pub(super) fn render(settings: &Settings) -> String {
    let mut text = String::new();
    if let Some(name) = &settings.default_host {
        text += &format!("default_host = {}\n\n", value(name));
    }
    text += &section("[process]", &settings.process);
    if let Some(status) = &settings.status {
        text += &section("\n[status]", status);
    }
    if let Some(acme) = &settings.acme {
        text += &section("\n[acme]", acme);
    }
    for host in &settings.hosts {
        text += &section("\n[[host]]", &host.entries);
        for route in &host.routes {
            text += &section("\n[[host.route]]", route);
        }
    }
    text
}

fn section(heading: &str, entries: &[Entry]) -> String {
    let lines = entries.iter().map(|(key, it)| format!("{key} = {}\n", value(it)));
    format!("{heading}\n{}", lines.collect::<String>())
}

fn value(it: &Value) -> String {
    match it {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => table(entries),
        Value::Tables(tables) => {
            format!("[{}]", tables.iter().map(|it| table(it)).collect::<Vec<_>>().join(", "))
        }
    }
}

fn table(entries: &[(String, Value)]) -> String {
    let entries = entries.iter().map(|(key, it)| format!("{} = {}", name(key), value(it)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A key, in quotes where it could not stand without.
fn name(key: &str) -> String {
    let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    ::toml::Value::from(text).to_string()
}
