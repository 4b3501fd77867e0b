//! Formats lines in the bundled nginx format.
//!
//! `$remote_addr - $remote_user [$time_local] "$request_method $filtered_request_uri $server_protocol"
//! $status $body_bytes_sent "$filtered_http_referer" "$http_user_agent" $gzip_ratio`
//!
//! Differences from nginx:
//! - Every occurrence of a secret parameter is filtered; the pattern of the bundled nginx filters only the last.
//! - More token parameters of GitLab are filtered.
//! - The line of a tunnel is written when the tunnel ends, with two more fields at its end: its duration in seconds
//!   and the bytes that the client sent.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::{escape, gzip_ratio, redaction};
use crate::model::log_format::LogEscape;

/// Request values of a log line. Creating it copies no text: all fields share the memory of the request.
#[derive(Debug, Clone)]
pub struct RequestSummary {
    pub method: Method,
    pub target: http::Uri,
    pub version: Version,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Response values of a log line.
#[derive(Debug, Clone, Copy)]
pub struct ResponseSummary {
    pub status: u16,
    /// Bytes of the response body that were sent to the client.
    pub sent: u64,
    /// Bytes of the response body before compression; 0 if it was not compressed.
    pub uncompressed: u64,
}

/// Log line of a tunnel, formatted when it opens. A tunnel may stay open for hours; the line keeps neither its
/// request alive nor the read buffer that the request shares.
#[derive(Debug, Clone)]
pub struct TunnelLine {
    text: Box<[u8]>,
    /// Offset in `text` where the time is inserted.
    time_at: usize,
    /// Offset in `text` where the number of bytes sent is inserted.
    sent_at: usize,
}

/// Duration and byte counts of a tunnel.
#[derive(Debug, Clone, Copy)]
pub struct TunnelSummary {
    pub duration: Duration,
    /// Bytes sent to the client.
    pub sent: u64,
    /// Bytes received from the client.
    pub received: u64,
}

impl RequestSummary {
    /// Returns the values of a request head.
    pub fn from_head(head: &http::request::Parts) -> RequestSummary {
        let field = |name| HeaderMap::get(&head.headers, name).cloned();
        RequestSummary {
            method: head.method.clone(),
            target: head.uri.clone(),
            version: head.version,
            referer: field(header::REFERER),
            user_agent: field(header::USER_AGENT),
            authorization: field(header::AUTHORIZATION),
        }
    }
}

/// Appends one line with its line end to `out`. `time` is in the format of `$time_local`.
pub fn write_line(out: &mut Vec<u8>, peer: IpAddr, time: &str, request: &RequestSummary, outcome: ResponseSummary) {
    write_client(out, peer, request);
    out.extend_from_slice(time.as_bytes());
    write_request(out, request, outcome.status);
    write_number(out, outcome.sent);
    write_agent(out, request);
    gzip_ratio::append(out, outcome.uncompressed, outcome.sent);
    out.push(b'\n');
}

/// Appends the line of a request that failed to parse.
pub fn write_unparsed_line(out: &mut Vec<u8>, peer: IpAddr, time: &str, status: StatusCode) {
    let _ = writeln!(out, "{peer} - - [{time}] \"-\" {} 0 \"\" \"-\" -", status.as_u16());
}

impl TunnelLine {
    /// Formats all fields that are known when the tunnel opens.
    pub fn prepare(peer: IpAddr, request: &RequestSummary) -> TunnelLine {
        let mut text = Vec::new();
        write_client(&mut text, peer, request);
        let time_at = text.len();
        write_request(&mut text, request, 101);
        let sent_at = text.len();
        write_agent(&mut text, request);
        text.push(b'-');
        TunnelLine { text: text.into(), time_at, sent_at }
    }

    /// Appends the line with its line end to `out`. `time` is in the format of `$time_local`.
    pub fn write(&self, out: &mut Vec<u8>, time: &str, end: TunnelSummary) {
        out.extend_from_slice(&self.text[..self.time_at]);
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(&self.text[self.time_at..self.sent_at]);
        let _ = write!(out, "{}", end.sent);
        out.extend_from_slice(&self.text[self.sent_at..]);
        let _ = writeln!(out, " {:.3} {}", end.duration.as_secs_f64(), end.received);
    }
}

/// `$remote_addr - $remote_user [`
fn write_client(out: &mut Vec<u8>, peer: IpAddr, request: &RequestSummary) {
    write_address(out, peer);
    out.extend_from_slice(b" - ");
    match request.authorization.as_ref().and_then(basic_user) {
        Some(user) => escape::append(out, &user),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" [");
}

/// `] "$request_method $filtered_request_uri $server_protocol" $status `
fn write_request(out: &mut Vec<u8>, request: &RequestSummary, status: u16) {
    out.extend_from_slice(b"] \"");
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    let start = out.len();
    redaction::append_target(&request.target, out);
    escape::escape_from(LogEscape::Default, out, start);
    out.push(b' ');
    out.extend_from_slice(protocol(request.version).as_bytes());
    out.extend_from_slice(b"\" ");
    write_number(out, status.into());
    out.push(b' ');
}

/// ` "$filtered_http_referer" "$http_user_agent" `
fn write_agent(out: &mut Vec<u8>, request: &RequestSummary) {
    out.extend_from_slice(b" \"");
    if let Some(referer) = &request.referer {
        escape::append(out, redaction::without_query(referer.as_bytes()));
    }
    out.extend_from_slice(b"\" \"");
    match &request.user_agent {
        Some(agent) => escape::append(out, agent.as_bytes()),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
}

fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else { return drop(write!(out, "{address}")) };
    let [first, rest @ ..] = address.octets();
    write_number(out, first.into());
    for octet in rest {
        out.push(b'.');
        write_number(out, octet.into());
    }
}

/// Writes a number in decimal. `write!` would cost more than the rest of the line.
fn write_number(out: &mut Vec<u8>, number: u64) {
    let start = out.len();
    let mut rest = number;
    loop {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

/// Returns the value of `$server_protocol`.
pub fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// Returns the value of `$remote_user`: the user name of Basic authentication (RFC 7617). `None` for other schemes,
/// invalid credentials and an empty name.
pub fn basic_user(authorization: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[..colon].to_vec()).filter(|user| !user.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const TIME: &str = "23/Nov/2026:16:18:02 +0000";

    fn summary(target: &str, headers: &[(&'static str, &str)]) -> RequestSummary {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        RequestSummary::from_head(&request.body(()).unwrap().into_parts().0)
    }

    fn line(target: &str, headers: &[(&'static str, &str)], outcome: ResponseSummary) -> String {
        let mut out = Vec::new();
        write_line(&mut out, PEER, TIME, &summary(target, headers), outcome);
        String::from_utf8(out).unwrap()
    }

    fn ended(status: u16, sent: u64) -> ResponseSummary {
        ResponseSummary { status, sent, uncompressed: 0 }
    }

    #[test]
    fn a_line_has_the_format_of_the_bundled_nginx() {
        let headers =
            [("user-agent", "curl/8"), ("referer", "https://a/b?c=d"), ("authorization", "Basic cm9vdDp4")];
        assert_eq!(
            line("/a%2Fb?x=1", &headers, ended(200, 12)),
            "192.0.2.7 - root [23/Nov/2026:16:18:02 +0000] \"GET /a%2Fb?x=1 HTTP/1.1\" 200 12 \"https://a/b\" \"curl/8\" -\n"
        );
    }

    #[test]
    fn write_number_writes_decimal() {
        for number in [0, 7, 10, 304, 1_000, u64::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn absent_values_are_empty_or_a_dash() {
        assert!(line("/", &[], ended(404, 0)).ends_with("\"GET / HTTP/1.1\" 404 0 \"\" \"-\" -\n"));
    }

    #[test]
    fn every_secret_parameter_is_filtered() {
        let logged = line(
            "/a?private%5Ftoken=x&b=1&Private-Token=y&user%5Bpassword%5D=z&id_token=s&tokens=k",
            &[],
            ended(200, 0),
        );
        let filtered = "private%5Ftoken=[FILTERED]&b=1&Private-Token=[FILTERED]&user%5Bpassword%5D=[FILTERED]&\
                        id_token=[FILTERED]&tokens=k";
        assert!(logged.contains(filtered), "{logged}");
    }

    #[test]
    fn header_values_cannot_end_a_field() {
        let logged = line("/", &[("user-agent", "a\" 200 \\ \t")], ended(200, 0));
        assert!(logged.contains(r#""a\x22 200 \x5C \x09""#), "{logged}");
    }

    #[test]
    fn a_tunnel_line_ends_with_its_duration_and_received_bytes() {
        let mut out = Vec::new();
        let end = TunnelSummary { duration: Duration::from_millis(1500), sent: 9, received: 77 };
        TunnelLine::prepare(PEER, &summary("/ws?token=x", &[("user-agent", "a")])).write(&mut out, TIME, end);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "192.0.2.7 - - [23/Nov/2026:16:18:02 +0000] \"GET /ws?token=[FILTERED] HTTP/1.1\" 101 9 \"\" \"a\" - 1.500 77\n"
        );
    }
}
