//! The nginx variables that templates and log formats can use.
//!
//! Variables are grouped by the time at which their value is known. A request header for an upstream can use a
//! [`RequestVariable`]; an access log line can also use the variables of the response ([`LogVariable`]).

use std::fmt;

use http::HeaderName;

use super::template::TemplateVariable;

/// A variable whose value is known when the request head is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVariable {
    Named(NamedRequestVariable),
    Time(TimeVariable),
    /// `$http_…`: a request header as the client sent it.
    Header(HeaderName),
    /// `$arg_…`: a query parameter; the name is in lower case.
    Argument(Box<str>),
    /// `$cookie_…`; the name is in lower case.
    Cookie(Box<str>),
}

/// A variable whose value is known when the exchange ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogVariable {
    Request(RequestVariable),
    Response(NamedResponseVariable),
    /// `$upstream_http_…`: a response header as the upstream sent it.
    UpstreamHeader(HeaderName),
    /// `$sent_http_…`: a header of the response to the client.
    SentHeader(HeaderName),
}

macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($(#[$of:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$of])* $variant,)*
        }

        impl $enum {
            const ALL: &'static [$enum] = &[$($enum::$variant,)*];

            /// Returns the name in nginx.
            pub fn name(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)*
                }
            }

            fn from_name(name: &str) -> Option<$enum> {
                $enum::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

named! {
    /// A request or connection variable with a fixed name.
    NamedRequestVariable {
        RemoteAddr = "remote_addr",
        RemotePort = "remote_port",
        /// The peer of the TCP connection, whether or not it names another client.
        RealipRemoteAddr = "realip_remote_addr",
        RealipRemotePort = "realip_remote_port",
        ProxyProtocolAddr = "proxy_protocol_addr",
        ProxyProtocolPort = "proxy_protocol_port",
        /// The `X-Forwarded-For` of the client, followed by `$remote_addr`.
        ProxyAddXForwardedFor = "proxy_add_x_forwarded_for",
        /// The user name of Basic authentication.
        RemoteUser = "remote_user",
        ServerName = "server_name",
        ServerAddr = "server_addr",
        ServerPort = "server_port",
        ServerProtocol = "server_protocol",
        /// The requested host without its port, in lower case.
        Host = "host",
        HttpHostWithDefault = "http_host_with_default",
        Scheme = "scheme",
        /// `on` over TLS, else empty.
        Https = "https",
        /// `h2` over HTTP/2, else empty.
        Http2 = "http2",
        /// The whole request line, including secrets in the query.
        Request = "request",
        RequestMethod = "request_method",
        /// The request target as received, including secrets in the query.
        RequestUri = "request_uri",
        /// The request target without the values of secret parameters.
        FilteredRequestUri = "filtered_request_uri",
        /// The `Referer` without its query.
        FilteredHttpReferer = "filtered_http_referer",
        /// The decoded and normalized path.
        Uri = "uri",
        Args = "args",
        /// `?` if the target has a query, else empty.
        IsArgs = "is_args",
        ConnectionUpgrade = "connection_upgrade",
        RequestId = "request_id",
        Connection = "connection",
        ConnectionRequests = "connection_requests",
        SslProtocol = "ssl_protocol",
        SslCipher = "ssl_cipher",
        /// The key exchange group.
        SslCurve = "ssl_curve",
        SslServerName = "ssl_server_name",
        /// `r` for a resumed session, else `.`.
        SslSessionReused = "ssl_session_reused",
        SslClientVerify = "ssl_client_verify",
        SslClientSDn = "ssl_client_s_dn",
        SslClientIDn = "ssl_client_i_dn",
        SslClientSerial = "ssl_client_serial",
        SslClientFingerprint = "ssl_client_fingerprint",
        SslClientCert = "ssl_client_cert",
        SslClientRawCert = "ssl_client_raw_cert",
        SslClientEscapedCert = "ssl_client_escaped_cert",
        Hostname = "hostname",
        Pid = "pid",
        NginxVersion = "nginx_version",
        Pipe = "pipe",
        LimitRate = "limit_rate",
    }
}

named! {
    /// The time: when the request head is complete in a header, when the exchange ends in a log line.
    TimeVariable {
        /// Seconds since the epoch with milliseconds: `1795450682.123`.
        Msec = "msec",
        /// `23/Nov/2026:16:18:02 +0000`.
        TimeLocal = "time_local",
        /// `2026-11-23T16:18:02+00:00`.
        TimeIso8601 = "time_iso8601",
    }
}

named! {
    /// A response or upstream variable with a fixed name. Times are in seconds, sizes in bytes.
    NamedResponseVariable {
        Status = "status",
        BodyBytesSent = "body_bytes_sent",
        BytesSent = "bytes_sent",
        RequestLength = "request_length",
        RequestTime = "request_time",
        GzipRatio = "gzip_ratio",
        UpstreamAddr = "upstream_addr",
        UpstreamStatus = "upstream_status",
        UpstreamConnectTime = "upstream_connect_time",
        UpstreamHeaderTime = "upstream_header_time",
        UpstreamResponseTime = "upstream_response_time",
        UpstreamResponseLength = "upstream_response_length",
        UpstreamBytesReceived = "upstream_bytes_received",
        UpstreamBytesSent = "upstream_bytes_sent",
        UpstreamCacheStatus = "upstream_cache_status",
    }
}

impl RequestVariable {
    /// Returns all fixed names, that is, without `http_…`, `arg_…` and other prefixes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let named = NamedRequestVariable::ALL.iter().map(|variable| variable.name());
        named.chain(TimeVariable::ALL.iter().map(|time| time.name())).chain(ALIASES.iter().map(|(alias, _)| *alias))
    }
}

impl LogVariable {
    /// Returns all fixed names, that is, without `http_…`, `arg_…` and other prefixes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RequestVariable::names().chain(NamedResponseVariable::ALL.iter().map(|response| response.name()))
    }
}

impl TemplateVariable for RequestVariable {
    fn from_name(name: &str) -> Option<RequestVariable> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, target)| target);
        if let Some(variable) = NamedRequestVariable::from_name(name) {
            return Some(RequestVariable::Named(variable));
        }
        if let Some(time) = TimeVariable::from_name(name) {
            return Some(RequestVariable::Time(time));
        }
        if let Some(rest) = after_prefix(name, "http_") {
            return header(rest).map(RequestVariable::Header);
        }
        let argument = after_prefix(name, "arg_").map(|rest| RequestVariable::Argument(rest.into()));
        argument.or_else(|| after_prefix(name, "cookie_").map(|rest| RequestVariable::Cookie(rest.into())))
    }
}

impl TemplateVariable for LogVariable {
    fn from_name(name: &str) -> Option<LogVariable> {
        if let Some(response) = NamedResponseVariable::from_name(name) {
            return Some(LogVariable::Response(response));
        }
        if let Some(rest) = after_prefix(name, "upstream_http_") {
            return header(rest).map(LogVariable::UpstreamHeader);
        }
        if let Some(rest) = after_prefix(name, "sent_http_") {
            return header(rest).map(LogVariable::SentHeader);
        }
        RequestVariable::from_name(name).map(LogVariable::Request)
    }
}

impl fmt::Display for RequestVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestVariable::Named(variable) => f.write_str(variable.name()),
            RequestVariable::Time(time) => f.write_str(time.name()),
            RequestVariable::Header(name) => write!(f, "http_{}", underscored(name)),
            RequestVariable::Argument(name) => write!(f, "arg_{name}"),
            RequestVariable::Cookie(name) => write!(f, "cookie_{name}"),
        }
    }
}

impl fmt::Display for LogVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogVariable::Request(variable) => variable.fmt(f),
            LogVariable::Response(response) => f.write_str(response.name()),
            LogVariable::UpstreamHeader(name) => write!(f, "upstream_http_{}", underscored(name)),
            LogVariable::SentHeader(name) => write!(f, "sent_http_{}", underscored(name)),
        }
    }
}

fn after_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}

/// nginx replaces `-` with `_` in variable names. The conversion is unambiguous, because nginx drops headers
/// whose names contain `_`.
fn header(name: &str) -> Option<HeaderName> {
    HeaderName::try_from(name.replace('_', "-")).ok()
}

fn underscored(name: &HeaderName) -> String {
    name.as_str().replace('-', "_")
}

/// Aliases and their targets. The three `temp` variables are intermediate steps of the GitLab package's
/// filtered request target.
const ALIASES: [(&str, &str); 7] = [
    ("query_string", "args"),
    ("document_uri", "uri"),
    ("content_type", "http_content_type"),
    ("content_length", "http_content_length"),
    ("temp_request_uri_1", "filtered_request_uri"),
    ("temp_request_uri_2", "filtered_request_uri"),
    ("temp_request_uri_3", "filtered_request_uri"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::{InvalidTemplate, Template};

    #[test]
    fn every_fixed_name_round_trips() {
        for name in LogVariable::names() {
            let variable = LogVariable::from_name(name).unwrap();
            let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
            assert_eq!(variable.to_string(), alias.map_or(name, |(_, target)| target));
        }
    }

    #[test]
    fn a_known_prefix_accepts_any_name() {
        for name in ["http_x_forwarded_for", "arg_private_token", "cookie_session", "sent_http_etag"] {
            assert_eq!(LogVariable::from_name(name).unwrap().to_string(), name);
        }
        let header = HeaderName::from_static("x-real-ip");
        assert_eq!(RequestVariable::from_name("http_x_real_ip"), Some(RequestVariable::Header(header)));
        assert_eq!(RequestVariable::from_name("http_"), None);
    }

    #[test]
    fn request_headers_cannot_use_response_variables() {
        for name in ["status", "upstream_addr", "sent_http_etag", "upstream_http_etag", "request_time"] {
            let text = format!("${name}");
            assert_eq!(Template::<RequestVariable>::parse(&text), Err(InvalidTemplate::Unknown(name.to_owned())),);
            assert!(Template::<LogVariable>::parse(&text).is_ok());
        }
    }
}
