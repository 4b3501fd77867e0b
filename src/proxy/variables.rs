//! Values of nginx variables for a request.

mod append;
mod request;
mod tls;

use std::fs;
use std::net::SocketAddr;
use std::sync::OnceLock;

use http::{Version, header};

use super::request_id::RequestId;
use crate::downstream::connection::{DownstreamConnection, DownstreamSecurity};
use crate::model::host::HostName;
use crate::model::template::{VariablePresence, VariableSource};
use crate::model::variable::{NamedRequestVariable, RequestVariable};
use crate::model::{HostId, Model, VirtualHost};
use crate::telemetry::access_log::{clock, line};
use append::{write, write_option, write_value};

/// Provides the values of request variables. Exists only while templates are rendered.
pub struct RequestVariables<'a> {
    pub model: &'a Model,
    pub client: &'a DownstreamConnection,
    /// The client by the host's rules (nginx `real_ip_*`).
    pub client_address: SocketAddr,
    pub head: &'a http::request::Parts,
    /// The host that responds; `None` if the listener has no host.
    pub host: Option<HostId>,
    pub id: &'a RequestId,
}

impl VariableSource<RequestVariable> for RequestVariables<'_> {
    fn write(&self, variable: &RequestVariable, out: &mut Vec<u8>) -> VariablePresence {
        match variable {
            RequestVariable::Named(variable) => self.append_named(*variable, out),
            RequestVariable::Time(clock) => {
                clock::append(*clock, out);
                VariablePresence::Present
            }
            RequestVariable::Header(name) if name == header::HOST => {
                write_value(out, request::authority(self.head))
            }
            RequestVariable::Header(name) => request::append_header(&self.head.headers, name, out),
            RequestVariable::Argument(name) => write_value(out, request::argument(self.head, name)),
            RequestVariable::Cookie(name) => write_value(out, request::cookie(self.head, name)),
        }
    }
}

impl RequestVariables<'_> {
    /// Appends the value of a variable without a parameter.
    fn append_named(&self, variable: NamedRequestVariable, out: &mut Vec<u8>) -> VariablePresence {
        use NamedRequestVariable as F;
        let (client, head) = (self.client, self.head);
        match variable {
            F::RemoteAddr => write(out, self.client_address.ip()),
            F::RemotePort => port(out, self.client_address),
            F::RealipRemoteAddr => write(out, client.peer.address.ip()),
            F::RealipRemotePort => port(out, client.peer.address),
            F::ProxyProtocolAddr => write_option(out, client.peer.proxied.map(|it| it.ip())),
            F::ProxyProtocolPort => write_option(out, client.peer.proxied.map(|it| it.port())),
            F::ProxyAddXForwardedFor => {
                if request::append_header(&head.headers, &X_FORWARDED_FOR, out) == VariablePresence::Present {
                    out.extend_from_slice(b", ");
                }
                write(out, self.client_address.ip())
            }
            F::RemoteUser => write_value(out, head.headers.get(header::AUTHORIZATION).and_then(line::basic_user)),
            F::ServerName => write_value(out, self.server_name().map(HostName::as_str)),
            F::ServerAddr => self.local_address(out),
            F::ServerPort => write(out, self.model.listeners[client.listener].address.port()),
            F::ServerProtocol => write_value(out, Some(line::protocol(head.version))),
            F::Host => self.host(out),
            F::HttpHostWithDefault => match request::authority(head) {
                Some(authority) => write_value(out, Some(authority)),
                None => self.default_authority(out),
            },
            F::Scheme => write_value(out, Some(if self.is_tls() { "https" } else { "http" })),
            F::Https => write_value(out, Some(if self.is_tls() { "on" } else { "" })),
            F::Http2 => write_value(out, Some(if head.version == Version::HTTP_2 { "h2" } else { "" })),
            F::RequestId => write(out, format_args!("{:032x}", self.id.get())),
            F::Connection => write(out, client.id()),
            F::ConnectionRequests => write(out, client.requests()),
            F::Hostname => write_value(out, Some(hostname())),
            F::Pid => write(out, std::process::id()),
            F::NginxVersion => write_value(out, Some(env!("CARGO_PKG_VERSION"))),
            // Pipelined requests are read one at a time, and responses have no rate limit.
            F::Pipe => write_value(out, Some(".")),
            F::LimitRate => write_value(out, Some("0")),
            F::Request
            | F::RequestMethod
            | F::RequestUri
            | F::FilteredRequestUri
            | F::FilteredHttpReferer
            | F::Uri
            | F::Args
            | F::IsArgs
            | F::ConnectionUpgrade => request::append_named(head, variable, out),
            F::SslProtocol
            | F::SslCipher
            | F::SslCurve
            | F::SslServerName
            | F::SslSessionReused
            | F::SslClientVerify
            | F::SslClientSDn
            | F::SslClientIDn
            | F::SslClientSerial
            | F::SslClientFingerprint
            | F::SslClientCert
            | F::SslClientRawCert
            | F::SslClientEscapedCert => tls::append_named(&client.security, variable, out),
        }
    }

    /// Appends `$host`: the requested name without its port, in lower case, or else the name of the virtual host.
    fn host(&self, out: &mut Vec<u8>) -> VariablePresence {
        match request::host_name(self.head) {
            Some(name) => write_value(out, Some(name.as_bytes())),
            None => write_value(out, self.server_name().map(HostName::as_str)),
        }
    }

    /// Appends the name of the virtual host, with the port unless it is the default of the scheme.
    fn default_authority(&self, out: &mut Vec<u8>) -> VariablePresence {
        let presence = write_value(out, self.server_name().map(HostName::as_str));
        let port = self.model.listeners[self.client.listener].address.port();
        if port == if self.is_tls() { 443 } else { 80 } { presence } else { write(out, format_args!(":{port}")) }
    }

    /// Appends `$server_addr`: the local address of the connection, or else that of the listener.
    fn local_address(&self, out: &mut Vec<u8>) -> VariablePresence {
        match self.client.local {
            Some(address) => write(out, address),
            None => write(out, self.model.listeners[self.client.listener].address.ip()),
        }
    }

    /// Returns the first name of the virtual host.
    fn server_name(&self) -> Option<&HostName> {
        let host: &VirtualHost = self.model.host(self.host?);
        host.names.first().map(|name| name.name())
    }

    fn is_tls(&self) -> bool {
        self.client.security != DownstreamSecurity::Plain
    }
}

/// Appends a port. Port 0 means unknown and is empty: a forwarded address may have no port.
fn port(out: &mut Vec<u8>, address: SocketAddr) -> VariablePresence {
    if address.port() == 0 { VariablePresence::Present } else { write(out, address.port()) }
}

/// Returns the host name of the machine in lower case, read once.
fn hostname() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().to_ascii_lowercase()
    })
}

const X_FORWARDED_FOR: header::HeaderName = header::HeaderName::from_static("x-forwarded-for");
