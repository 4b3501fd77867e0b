//! Changes to headers, as data.
//!
//! Every header feature of the configuration (HSTS, Referrer-Policy, headers for the application)
//! lowers to these few instructions. Headers that frame a message or belong to one hop (RFC 9110
//! section 7.6.1) cannot be named: a [`HeaderOp`] that exists cannot break a connection.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::model::template::{Template, VariableSource};
use crate::model::variable::RequestVariable;

/// One change to the headers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderOp {
    /// The header has exactly this value afterwards.
    Set(SettableHeader, HeaderValue),
    /// The header has the value that the template has for the request. If that is empty, the header is gone,
    /// as nginx does it.
    SetTo(SettableHeader, Template<RequestVariable>),
    /// The header has this value beside those that it has already (nginx's `add_header`).
    Add(SettableHeader, HeaderValue),
    /// The header is gone afterwards.
    Remove(SettableHeader),
}

/// Operations of which every value is known. Borrowed where the configuration says them all.
#[derive(Debug)]
pub struct ResolvedHeaderOps<'a>(Cow<'a, [HeaderOp]>);

/// The name of a header that configuration may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettableHeader(HeaderName);

/// Why a header cannot be changed by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSettableHeader {
    /// Not a token (RFC 9110 section 5.6.2).
    Invalid,
    /// Belongs to one connection, or says where a message ends.
    HopByHop,
}

/// Whether a header stops at each hop, even if `Connection` does not name it (RFC 9110 section 7.6.1).
/// `Proxy-Authenticate` and `Proxy-Authorization` are meant for proxies like this one. Asked of every header
/// of every message; a text is told from others by its length first, which is cheaper than any table.
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
    pub fn parse(text: &str) -> Result<SettableHeader, InvalidSettableHeader> {
        let name = HeaderName::try_from(text).map_err(|_| InvalidSettableHeader::Invalid)?;
        if is_hop_by_hop(name.as_str()) || name == header::CONTENT_LENGTH || name == header::TRAILER {
            return Err(InvalidSettableHeader::HopByHop);
        }
        Ok(SettableHeader(name))
    }

    /// For names written in this program. Panics on a hop-by-hop name, so the first test finds it.
    pub const fn from_static(name: &'static str) -> SettableHeader {
        SettableHeader(HeaderName::from_static(name))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for InvalidSettableHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            InvalidSettableHeader::Invalid => "this is not a valid header name",
            InvalidSettableHeader::HopByHop => {
                "this header belongs to a single connection or frames the message; the proxy writes it itself"
            }
        })
    }
}

impl HeaderOp {
    /// The header that is changed.
    pub fn name(&self) -> &SettableHeader {
        match self {
            HeaderOp::Set(name, _) | HeaderOp::SetTo(name, _) | HeaderOp::Add(name, _) | HeaderOp::Remove(name) => {
                name
            }
        }
    }

    /// Whether its value depends on a variable.
    pub fn names(&self, wanted: &RequestVariable) -> bool {
        matches!(self, HeaderOp::SetTo(_, template) if template.variables().any(|named| named == wanted))
    }

    /// Finds the values for one request. Costs nothing where no template asks for any.
    pub fn resolve<'a>(ops: &'a [HeaderOp], facts: &impl VariableSource<RequestVariable>) -> ResolvedHeaderOps<'a> {
        if ops.iter().all(|op| !matches!(op, HeaderOp::SetTo(..))) {
            return ResolvedHeaderOps(Cow::Borrowed(ops));
        }
        ResolvedHeaderOps(ops.iter().map(|op| op.resolved(facts)).collect())
    }

    fn resolved(&self, facts: &impl VariableSource<RequestVariable>) -> HeaderOp {
        let HeaderOp::SetTo(name, template) = self else { return self.clone() };
        let mut text = Vec::new();
        template.render(facts, &mut text);
        // A decoded path can have a line break in it. Such a header would be two.
        match HeaderValue::try_from(text) {
            Ok(value) if !value.is_empty() => HeaderOp::Set(name.clone(), value),
            _ => HeaderOp::Remove(name.clone()),
        }
    }
}

impl ResolvedHeaderOps<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes `headers` as the operations say.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for op in self.0.iter() {
            match op {
                HeaderOp::Set(SettableHeader(name), value) => {
                    headers.insert(name, value.clone());
                }
                HeaderOp::Add(SettableHeader(name), value) => {
                    headers.append(name, value.clone());
                }
                HeaderOp::Remove(SettableHeader(name)) => {
                    headers.remove(name);
                }
                // Resolving leaves none.
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
    fn framing_and_hop_by_hop_headers_cannot_be_named() {
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

    fn apply(op: HeaderOp, facts: &Headers, headers: &mut HeaderMap) {
        HeaderOp::resolve(&[op], facts).apply(headers);
    }

    #[test]
    fn set_replaces_every_value_and_remove_takes_all() {
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
    fn a_template_sets_what_the_request_says_and_nothing_if_that_is_empty() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("the client's own"));
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
