//! What the application received in one request, and how it is shown.

use std::time::Instant;

use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;

use super::header_notes;
use crate::cli::demo::html::Html;

/// One request, as it arrived.
#[derive(Debug, Serialize)]
pub(super) struct RequestInfo {
    method: String,
    /// The request target, byte for byte: nothing is decoded or tidied up.
    target: String,
    version: &'static str,
    /// In the order of arrival, save that lines of one name stand together. Names are in lower case,
    /// which is all that can be told apart (RFC 9110 section 5.1).
    headers: Vec<HeaderInfo>,
    body: BodyInfo,
}

#[derive(Debug, Serialize)]
struct HeaderInfo {
    name: String,
    value: String,
}

/// A body that was read to its end and thrown away.
#[derive(Debug, Serialize)]
struct BodyInfo {
    bytes: u64,
    /// From the first look at the body to its end.
    milliseconds: u64,
}

impl RequestInfo {
    /// Takes the request apart and reads its body to the end, however long, without keeping it.
    ///
    /// # Errors
    /// When the body ends before it is complete.
    pub(super) async fn from_request(request: Request<Incoming>) -> Result<RequestInfo, hyper::Error> {
        let (head, body) = request.into_parts();
        Ok(RequestInfo {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            version: version_name(head.version),
            headers: readable(&head.headers),
            body: BodyInfo::count(body).await?,
        })
    }

    /// The facts for programs, with the name of the application, so that routing shows.
    pub(super) fn as_json(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Signed<'a> {
            application: &'static str,
            #[serde(flatten)]
            received: &'a RequestInfo,
        }
        Signed { application: "GitLab stand-in", received: self }
    }

    pub(super) fn to_page(&self) -> Html {
        let values = [
            ("mark", Html::literal(include_str!("../pages/mark.svg"))),
            ("method", Html::text(&self.method)),
            ("target", Html::text(&self.target)),
            ("version", Html::text(self.version)),
            ("way", Html::text(header_notes::way(self.headers.iter().map(|header| header.name.as_str())))),
            ("headers", Html::concat(self.headers.iter().map(HeaderInfo::to_row))),
            ("body", self.body.to_html()),
        ];
        Html::fill(include_str!("../pages/echo.html"), &values)
    }
}

impl HeaderInfo {
    fn to_row(&self) -> Html {
        let meaning = header_notes::header(&self.name);
        let row = match meaning {
            Some(_) => ROW_OF_THE_PROXY,
            None => ROW,
        };
        let values = [
            ("name", Html::text(&self.name)),
            ("value", Html::text(&self.value)),
            ("meaning", Html::text(meaning.unwrap_or_default())),
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
            0 => Html::literal("No body came with it."),
            bytes => Html::text(&format!("A body of {bytes} bytes came with it, in {} ms.", self.milliseconds)),
        }
    }
}

fn readable(headers: &HeaderMap) -> Vec<HeaderInfo> {
    let pair = |(name, value): (&http::HeaderName, &HeaderValue)| HeaderInfo {
        name: name.to_string(),
        value: readable_value(value.as_bytes()),
    };
    headers.iter().map(pair).collect()
}

/// A value that is no UTF-8 shows its bytes as `\xNN`.
fn readable_value(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.escape_ascii().to_string(), str::to_owned)
}

/// Only HTTP/1 is spoken here.
fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

const ROW: &str = "<tr><th scope=\"row\">{{name}}</th><td><code>{{value}}</code></td></tr>\n";
const ROW_OF_THE_PROXY: &str = "<tr class=\"proxy\"><th scope=\"row\">{{name}}</th>\
    <td><code>{{value}}</code><p>{{meaning}}</p></td></tr>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_text_show_their_bytes() {
        assert_eq!(readable_value("Grüße".as_bytes()), "Grüße");
        assert_eq!(readable_value(b"a\xff"), r"a\xff");
    }
}
