//! The received request as JSON and HTML.

use std::time::Instant;

use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;

use super::header_notes;
use crate::cli::demo::html::Html;

/// A received request.
#[derive(Debug, Serialize)]
pub(super) struct RequestInfo {
    method: String,
    /// The request target, without decoding or normalization.
    target: String,
    version: &'static str,
    /// In the received order, except that fields of one name are grouped. Names are in lower case, because field
    /// names are case-insensitive (RFC 9110 section 5.1).
    headers: Vec<HeaderInfo>,
    body: BodyInfo,
}

/// A received header.
#[derive(Debug, Serialize)]
struct HeaderInfo {
    name: String,
    value: String,
}

/// Length of a received body and the time it took. The body itself is discarded.
#[derive(Debug, Serialize)]
struct BodyInfo {
    bytes: u64,
    /// From the first read to the end of the body.
    milliseconds: u64,
}

impl RequestInfo {
    /// Reads the body of a request of any length to its end and discards it.
    ///
    /// # Errors
    /// If the body ends before it is complete.
    pub(super) async fn from_request(request: Request<Incoming>) -> Result<RequestInfo, hyper::Error> {
        let (head, body) = request.into_parts();
        Ok(RequestInfo {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            version: version_name(head.version),
            headers: displayed_headers(&head.headers),
            body: BodyInfo::count(body).await?,
        })
    }

    /// Returns the request as JSON, with the name of the application, which shows how the request was routed.
    pub(super) fn as_json(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct NamedInfo<'a> {
            application: &'static str,
            #[serde(flatten)]
            info: &'a RequestInfo,
        }
        NamedInfo { application: "demo GitLab", info: self }
    }

    /// Returns the request as an HTML page.
    pub(super) fn to_page(&self) -> Html {
        let values = [
            ("mark", Html::literal(include_str!("../pages/mark.svg"))),
            ("method", Html::text(&self.method)),
            ("target", Html::text(&self.target)),
            ("version", Html::text(self.version)),
            ("path", Html::text(header_notes::path_taken(self.headers.iter().map(|header| header.name.as_str())))),
            ("headers", Html::concat(self.headers.iter().map(HeaderInfo::to_row))),
            ("body", self.body.to_html()),
        ];
        Html::fill(include_str!("../pages/echo.html"), &values)
    }
}

impl HeaderInfo {
    fn to_row(&self) -> Html {
        let note = header_notes::note(&self.name);
        let row = match note {
            Some(_) => PROXY_ROW,
            None => ROW,
        };
        let values = [
            ("name", Html::text(&self.name)),
            ("value", Html::text(&self.value)),
            ("note", Html::text(note.unwrap_or_default())),
        ];
        Html::fill(row, &values)
    }
}

impl BodyInfo {
    async fn count(mut body: Incoming) -> Result<BodyInfo, hyper::Error> {
        let started = Instant::now();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(BodyInfo { bytes, milliseconds })
    }

    fn to_html(&self) -> Html {
        match self.bytes {
            0 => Html::literal("It has no body."),
            bytes => Html::text(&format!("It has a body of {bytes} bytes, received in {} ms.", self.milliseconds)),
        }
    }
}

fn displayed_headers(headers: &HeaderMap) -> Vec<HeaderInfo> {
    let pair = |(name, value): (&http::HeaderName, &HeaderValue)| HeaderInfo {
        name: name.to_string(),
        value: displayed_value(value.as_bytes()),
    };
    headers.iter().map(pair).collect()
}

/// Returns a value as text. The bytes of a value that is no UTF-8 are escaped as `\xNN`.
fn displayed_value(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.escape_ascii().to_string(), str::to_owned)
}

/// The demo applications serve HTTP/1 only.
fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

const ROW: &str = "<tr><th scope=\"row\">{{name}}</th><td><code>{{value}}</code></td></tr>\n";
const PROXY_ROW: &str = "<tr class=\"proxy\"><th scope=\"row\">{{name}}</th>\
    <td><code>{{value}}</code><p>{{note}}</p></td></tr>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_utf8_are_escaped() {
        assert_eq!(displayed_value("Grüße".as_bytes()), "Grüße");
        assert_eq!(displayed_value(b"a\xff"), r"a\xff");
    }
}
