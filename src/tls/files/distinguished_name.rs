//! Formats distinguished names (RFC 2253), as nginx's `$ssl_client_s_dn` does.

use std::fmt::Write;

use x509_parser::asn1_rs::ToDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Returns a name such as `CN=jane,O=Example`, the most specific part first. Bytes outside printable ASCII are
/// escaped in hexadecimal.
pub(crate) fn text(name: &X509Name<'_>) -> String {
    let parts =
        |rdn: Vec<&AttributeTypeAndValue<'_>>| rdn.into_iter().rev().map(part).collect::<Vec<_>>().join("+");
    let mut rdns: Vec<String> = name.iter_rdn().map(|rdn| parts(rdn.iter().collect())).collect();
    rdns.reverse();
    rdns.join(",")
}

fn part(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let known = TYPES.iter().find(|(number, _)| *number == oid).map(|(_, name)| *name);
    match (known, attribute.as_str()) {
        (Some(name), Ok(value)) => format!("{name}={}", escaped(value)),
        // Types without a name, and values that are no text, have a hexadecimal form (RFC 2253 section 2.4).
        (name, _) => format!("{}=#{}", name.unwrap_or(&oid), hexadecimal(attribute)),
    }
}

/// Escapes separators anywhere, a leading `#`, and leading and trailing spaces (RFC 2253 section 2.4).
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (position, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => text.extend(['\\', char::from(byte)]),
            b'#' if position == 0 => text.push_str("\\#"),
            b' ' if position == 0 || position == last => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "\\{byte:02X}")),
        }
    }
    text
}

fn hexadecimal(attribute: &AttributeTypeAndValue<'_>) -> String {
    let der = attribute.attr_value().to_der_vec().unwrap_or_default();
    der.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// OpenSSL's short names.
const TYPES: [(&str, &str); 21] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];
