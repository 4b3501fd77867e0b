//! nginx's variables, by what must have happened before they have a value.
//!
//! A header for an application can name what is known with the request ([`RequestVariable`]); a line of the
//! access log can also name what came of it ([`LogVariable`]).

use std::fmt;

use http::HeaderName;

use super::template::TemplateVariable;

/// What is known as soon as there is a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVariable {
    Fact(NamedRequestVariable),
    Clock(TimeVariable),
    /// `$http_…`: a header as the client sent it.
    Header(HeaderName),
    /// `$arg_…`: a parameter of the query, in lower case.
    Argument(Box<str>),
    /// `$cookie_…`, in lower case.
    Cookie(Box<str>),
}

/// What is known when an exchange is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogVariable {
    Request(RequestVariable),
    Outcome(NamedResponseVariable),
    /// `$upstream_http_…`: a header as the application sent it.
    UpstreamHeader(HeaderName),
    /// `$sent_http_…`: a header of the answer to the client.
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

            /// The name that nginx has for it.
            pub fn name(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)*
                }
            }

            fn named(name: &str) -> Option<$enum> {
                $enum::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

named! {
    /// A variable with a name of its own, about a request or the connection it came on.
    NamedRequestVariable {
        RemoteAddr = "remote_addr",
        RemotePort = "remote_port",
        /// Who really connected, whatever a trusted peer said about the client.
        RealipRemoteAddr = "realip_remote_addr",
        RealipRemotePort = "realip_remote_port",
        ProxyProtocolAddr = "proxy_protocol_addr",
        ProxyProtocolPort = "proxy_protocol_port",
        /// The client's own `X-Forwarded-For` with `$remote_addr` behind it.
        ProxyAddXForwardedFor = "proxy_add_x_forwarded_for",
        /// The user of Basic authentication.
        RemoteUser = "remote_user",
        ServerName = "server_name",
        ServerAddr = "server_addr",
        ServerPort = "server_port",
        ServerProtocol = "server_protocol",
        /// The host without its port, in lower case.
        Host = "host",
        HttpHostWithDefault = "http_host_with_default",
        Scheme = "scheme",
        /// `on`, or empty.
        Https = "https",
        /// `h2`, or empty.
        Http2 = "http2",
        /// The whole request line, secrets included.
        Request = "request",
        RequestMethod = "request_method",
        /// The target as it came, secrets included.
        RequestUri = "request_uri",
        /// The target without the values of secret parameters.
        FilteredRequestUri = "filtered_request_uri",
        /// The Referer without its query.
        FilteredHttpReferer = "filtered_http_referer",
        /// The decoded path.
        Uri = "uri",
        Args = "args",
        /// `?` if there is a query, else empty.
        IsArgs = "is_args",
        ConnectionUpgrade = "connection_upgrade",
        RequestId = "request_id",
        Connection = "connection",
        ConnectionRequests = "connection_requests",
        SslProtocol = "ssl_protocol",
        SslCipher = "ssl_cipher",
        /// What the key was agreed on with.
        SslCurve = "ssl_curve",
        SslServerName = "ssl_server_name",
        /// `r` if the session was resumed, else `.`.
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
    /// The time: of the request in a header, of its end in a log.
    TimeVariable {
        /// Seconds with three decimals since 1970.
        Msec = "msec",
        /// `23/Nov/2026:16:18:02 +0000`.
        TimeLocal = "time_local",
        /// `2026-11-23T16:18:02+00:00`.
        TimeIso8601 = "time_iso8601",
    }
}

named! {
    /// What came of a request. Times are in seconds, lengths in bytes.
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
    /// The names that are not made of a prefix and anything.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let facts = NamedRequestVariable::ALL.iter().map(|fact| fact.name());
        facts
            .chain(TimeVariable::ALL.iter().map(|clock| clock.name()))
            .chain(ALIASES.iter().map(|(alias, _)| *alias))
    }
}

impl LogVariable {
    /// The names that are not made of a prefix and anything.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RequestVariable::names().chain(NamedResponseVariable::ALL.iter().map(|outcome| outcome.name()))
    }
}

impl TemplateVariable for RequestVariable {
    fn from_name(name: &str) -> Option<RequestVariable> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, meant)| meant);
        if let Some(fact) = NamedRequestVariable::named(name) {
            return Some(RequestVariable::Fact(fact));
        }
        if let Some(clock) = TimeVariable::named(name) {
            return Some(RequestVariable::Clock(clock));
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
        if let Some(outcome) = NamedResponseVariable::named(name) {
            return Some(LogVariable::Outcome(outcome));
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
            RequestVariable::Fact(fact) => f.write_str(fact.name()),
            RequestVariable::Clock(clock) => f.write_str(clock.name()),
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
            LogVariable::Outcome(outcome) => f.write_str(outcome.name()),
            LogVariable::UpstreamHeader(name) => write!(f, "upstream_http_{}", underscored(name)),
            LogVariable::SentHeader(name) => write!(f, "sent_http_{}", underscored(name)),
        }
    }
}

fn after_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}

/// nginx writes headers with `_`, and so means those with `-`: it drops headers that have a `_` themselves.
fn header(name: &str) -> Option<HeaderName> {
    HeaderName::try_from(name.replace('_', "-")).ok()
}

fn underscored(name: &HeaderName) -> String {
    name.as_str().replace('-', "_")
}

/// Second names. The package's three `temp` ones are steps on the way to the filtered target.
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
    fn every_name_is_one_of_a_variable_and_is_written_as_it_was_read() {
        for name in LogVariable::names() {
            let variable = LogVariable::from_name(name).unwrap();
            let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
            assert_eq!(variable.to_string(), alias.map_or(name, |(_, meant)| meant));
        }
    }

    #[test]
    fn a_prefix_makes_a_variable_of_any_name() {
        for name in ["http_x_forwarded_for", "arg_private_token", "cookie_session", "sent_http_etag"] {
            assert_eq!(LogVariable::from_name(name).unwrap().to_string(), name);
        }
        let header = HeaderName::from_static("x-real-ip");
        assert_eq!(RequestVariable::from_name("http_x_real_ip"), Some(RequestVariable::Header(header)));
        assert_eq!(RequestVariable::from_name("http_"), None);
    }

    #[test]
    fn a_header_for_the_application_cannot_name_what_comes_later() {
        for name in ["status", "upstream_addr", "sent_http_etag", "upstream_http_etag", "request_time"] {
            let text = format!("${name}");
            assert_eq!(Template::<RequestVariable>::parse(&text), Err(InvalidTemplate::Unknown(name.to_owned())),);
            assert!(Template::<LogVariable>::parse(&text).is_ok());
        }
    }
}
