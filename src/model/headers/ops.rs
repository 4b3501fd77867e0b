//! Header operations: set, append, remove.
//!
//! Each header setting of the configuration (HSTS, Referrer-Policy, `request_headers`, `response_headers`)
//! lowers to these operations. Framing and hop-by-hop headers (RFC 9110 section 7.6.1) are rejected as names, so no
//! [`HeaderOp`] can break a connection.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::model::template::{Template, VariableSource};
use crate::model::variable::RequestVariable;

/// One change to the headers of a message.
///
/// ```
/// use gatepost::model::headers::ops::{HeaderOp, SettableHeader};
/// use gatepost::model::template::{Template, VariablePresence, VariableSource};
/// use gatepost::model::variable::RequestVariable;
/// use http::{HeaderMap, HeaderValue};
///
/// /// Provides `$host`, and no other variable.
/// struct OnlyHost;
///
/// impl VariableSource<RequestVariable> for OnlyHost {
///     fn write(&self, variable: &RequestVariable, out: &mut Vec<u8>) -> VariablePresence {
///         if variable.to_string() != "host" {
///             return VariablePresence::Absent;
///         }
///         out.extend_from_slice(b"gitlab.example.com");
///         VariablePresence::Present
///     }
/// }
///
/// let template = Template::parse("https://$host").expect("a template");
/// let ops = [
///     HeaderOp::Set(SettableHeader::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
///     HeaderOp::SetTo(SettableHeader::from_static("x-origin"), template),
///     HeaderOp::Remove(SettableHeader::from_static("server")),
/// ];
/// let mut headers = HeaderMap::from_iter([("server".parse().expect("a name"), HeaderValue::from_static("x"))]);
/// HeaderOp::resolve(&ops, &OnlyHost).apply(&mut headers);
///
/// assert_eq!(headers["x-frame-options"], "DENY");
/// assert_eq!(headers["x-origin"], "https://gitlab.example.com");
/// assert!(!headers.contains_key("server"));
/// assert!(SettableHeader::parse("Transfer-Encoding").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderOp {
    /// Replaces all values of the header with one value.
    Set(SettableHeader, HeaderValue),
    /// Sets the header if the message has none of that name.
    SetIfAbsent(SettableHeader, HeaderValue),
    /// Sets the header to the rendered template. An empty result removes the header, as in nginx
    /// (`proxy_set_header`).
    SetTo(SettableHeader, Template<RequestVariable>),
    /// Appends a value (nginx `add_header`).
    Add(SettableHeader, HeaderValue),
    /// Removes all values of the header.
    Remove(SettableHeader),
}

/// Header operations with all templates rendered. Borrowed if the configuration has no templates.
#[derive(Debug)]
pub struct ResolvedHeaderOps<'a>(Cow<'a, [HeaderOp]>);

/// A header name that configuration may set: not hop-by-hop, not framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettableHeader(HeaderName);

/// Error returned for a header name that configuration may not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSettableHeader {
    /// The text is not a token (RFC 9110 section 5.6.2).
    Invalid,
    /// The header is hop-by-hop, or frames the message.
    HopByHop,
}

/// Returns whether a header is hop-by-hop even if `Connection` does not name it (RFC 9110 section 7.6.1).
///
/// `Proxy-Authenticate` and `Proxy-Authorization` are addressed to proxies such as this one. The function is
/// called for every header of every message. A `match` compares lengths first, which costs less than any table.
pub fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
    )
}

impl SettableHeader {
    /// Parses a header name.
    ///
    /// # Errors
    /// The text is not a header name, or the header is hop-by-hop or frames the message.
    pub fn parse(text: &str) -> Result<SettableHeader, InvalidSettableHeader> {
        let name = HeaderName::try_from(text).map_err(|_| InvalidSettableHeader::Invalid)?;
        if is_hop_by_hop(name.as_str()) || name == header::CONTENT_LENGTH || name == header::TRAILER {
            return Err(InvalidSettableHeader::HopByHop);
        }
        Ok(SettableHeader(name))
    }

    /// Returns the header with a lower-case name. For constants: hop-by-hop and framing headers are not
    /// rejected.
    ///
    /// # Panics
    /// The name is not a valid lower-case header name.
    pub const fn from_static(name: &'static str) -> SettableHeader {
        SettableHeader(HeaderName::from_static(name))
    }

    /// Returns the name in lower case.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for InvalidSettableHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            InvalidSettableHeader::Invalid => "not a valid header name",
            InvalidSettableHeader::HopByHop => "the proxy sets hop-by-hop and framing headers itself",
        })
    }
}

impl HeaderOp {
    /// Returns the header that is changed.
    pub fn name(&self) -> &SettableHeader {
        match self {
            HeaderOp::Set(name, _)
            | HeaderOp::SetIfAbsent(name, _)
            | HeaderOp::SetTo(name, _)
            | HeaderOp::Add(name, _)
            | HeaderOp::Remove(name) => name,
        }
    }

    /// Returns whether the value uses a variable.
    pub fn uses_variable(&self, wanted: &RequestVariable) -> bool {
        matches!(self, HeaderOp::SetTo(_, template) if template.variables().any(|variable| variable == wanted))
    }

    /// Renders the templates for one request. Without templates the result borrows `ops`.
    pub fn resolve<'a>(
        ops: &'a [HeaderOp],
        values: &impl VariableSource<RequestVariable>,
    ) -> ResolvedHeaderOps<'a> {
        if ops.iter().all(|op| !matches!(op, HeaderOp::SetTo(..))) {
            return ResolvedHeaderOps(Cow::Borrowed(ops));
        }
        ResolvedHeaderOps(ops.iter().map(|op| op.resolved(values)).collect())
    }

    fn resolved(&self, values: &impl VariableSource<RequestVariable>) -> HeaderOp {
        let HeaderOp::SetTo(name, template) = self else { return self.clone() };
        let mut text = Vec::new();
        template.render(values, &mut text);
        // A decoded path can contain a line break, which would start a second header. The invalid value removes
        // the header.
        match HeaderValue::try_from(text) {
            Ok(value) if !value.is_empty() => HeaderOp::Set(name.clone(), value),
            _ => HeaderOp::Remove(name.clone()),
        }
    }
}

impl ResolvedHeaderOps<'_> {
    /// Returns whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies the operations to a header map, in order.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for op in self.0.iter() {
            match op {
                HeaderOp::Set(SettableHeader(name), value) => {
                    headers.insert(name, value.clone());
                }
                HeaderOp::SetIfAbsent(SettableHeader(name), value) => {
                    headers.entry(name).or_insert_with(|| value.clone());
                }
                HeaderOp::Add(SettableHeader(name), value) => {
                    headers.append(name, value.clone());
                }
                HeaderOp::Remove(SettableHeader(name)) => {
                    headers.remove(name);
                }
                // `resolve` has replaced all templates.
                HeaderOp::SetTo(..) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::VariablePresence;

    #[test]
    fn framing_and_hop_by_hop_headers_are_rejected() {
        for name in ["Connection", "transfer-encoding", "Content-Length", "Upgrade", "Keep-Alive", "TE", "Trailer"]
        {
            assert_eq!(SettableHeader::parse(name), Err(InvalidSettableHeader::HopByHop), "{name}");
        }
        assert_eq!(SettableHeader::parse("bad name"), Err(InvalidSettableHeader::Invalid));
        assert_eq!(
            SettableHeader::parse("X-Frame-Options").as_ref().map(SettableHeader::as_str),
            Ok("x-frame-options")
        );
    }

    /// Every header of the request is `value`.
    struct Headers(&'static str);

    impl VariableSource<RequestVariable> for Headers {
        fn write(&self, variable: &RequestVariable, out: &mut Vec<u8>) -> VariablePresence {
            assert!(matches!(variable, RequestVariable::Header(_)));
            out.extend_from_slice(self.0.as_bytes());
            VariablePresence::Present
        }
    }

    fn apply(op: HeaderOp, values: &Headers, headers: &mut HeaderMap) {
        HeaderOp::resolve(&[op], values).apply(headers);
    }

    #[test]
    fn set_replaces_and_remove_deletes_all_values() {
        let mut headers = HeaderMap::new();
        headers.append("referrer-policy", HeaderValue::from_static("a"));
        headers.append("referrer-policy", HeaderValue::from_static("b"));
        let name = SettableHeader::from_static("referrer-policy");
        apply(HeaderOp::Set(name.clone(), HeaderValue::from_static("c")), &Headers(""), &mut headers);
        assert_eq!(headers.get_all("referrer-policy").iter().collect::<Vec<_>>(), ["c"]);
        apply(HeaderOp::Add(name.clone(), HeaderValue::from_static("d")), &Headers(""), &mut headers);
        assert_eq!(headers.get_all("referrer-policy").iter().collect::<Vec<_>>(), ["c", "d"]);
        apply(HeaderOp::Remove(name), &Headers(""), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn an_empty_template_value_removes_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("from the client"));
        let template = Template::parse("$http_x_b").unwrap();
        let op = HeaderOp::SetTo(SettableHeader::from_static("x-a"), template);
        apply(op.clone(), &Headers("b"), &mut headers);
        assert_eq!(headers["x-a"], "b");
        apply(op, &Headers(""), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_value_with_a_line_break_does_not_become_a_second_header() {
        let mut headers = HeaderMap::new();
        let op = HeaderOp::SetTo(SettableHeader::from_static("x-a"), Template::parse("$http_x").unwrap());
        apply(op, &Headers("a\r\nX-Admin: yes"), &mut headers);
        assert!(headers.is_empty());
    }
}
