//! Upstream errors, with phase and retry information.

use std::error::Error;
use std::fmt;
use std::io;

use super::request_body::RequestBodyFailure;
use crate::http1::parse_error::Http1ParseError;

/// Why an upstream returned no response.
#[derive(Debug)]
pub enum UpstreamError {
    /// The name cannot be resolved, or no address accepts a connection.
    Connect(io::Error),
    /// Connecting, including the TLS handshake, took longer than `connect_timeout`.
    ConnectTimeout,
    /// The TLS handshake failed.
    Handshake(io::Error),
    /// The connection failed or was closed before a complete response head. The only error after which a request
    /// may be retried.
    Connection(UpstreamConnectionError),
    /// The upstream sent nothing for `upstream_read_timeout`.
    ResponseTimeout,
    /// The upstream sent 101 to a request without `Upgrade`.
    UnexpectedUpgrade,
    /// The request body failed, which is not a fault of the upstream.
    RequestBody(RequestBodyFailure),
}

/// Why a response body ended early. The client must receive a truncated response, never one that looks complete.
#[derive(Debug)]
pub enum UpstreamBodyError {
    Connection(UpstreamConnectionError),
    /// The upstream sent nothing for `upstream_read_timeout`.
    ReadTimeout,
    /// The request body failed after the response had started.
    RequestBody(RequestBodyFailure),
}

/// How an upstream connection failed.
#[derive(Debug)]
pub enum UpstreamConnectionError {
    /// The upstream closed the connection before the end of the message.
    Closed,
    Io(io::Error),
    /// The received bytes are not valid HTTP/1.
    Parse(Http1ParseError),
    /// An HTTP/2 stream or connection error.
    Http2(hyper::Error),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Connect(error) => write!(f, "cannot connect: {error}"),
            UpstreamError::Handshake(error) => write!(f, "TLS handshake failed: {error}"),
            UpstreamError::ConnectTimeout => f.write_str("cannot connect within connect_timeout"),
            UpstreamError::Connection(error) => write!(f, "connection failed before a response: {error}"),
            UpstreamError::ResponseTimeout => f.write_str("no response within upstream_read_timeout"),
            UpstreamError::UnexpectedUpgrade => f.write_str("unexpected 101: the request has no Upgrade header"),
            UpstreamError::RequestBody(failure) => write!(f, "request body failed: {failure}"),
        }
    }
}

impl Error for UpstreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamError::Connect(error) | UpstreamError::Handshake(error) => Some(error),
            UpstreamError::Connection(error) => error.cause(),
            _ => None,
        }
    }
}

impl fmt::Display for UpstreamBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamBodyError::Connection(error) => write!(f, "upstream connection failed: {error}"),
            UpstreamBodyError::ReadTimeout => f.write_str("no data from the upstream within upstream_read_timeout"),
            UpstreamBodyError::RequestBody(failure) => write!(f, "request body failed: {failure}"),
        }
    }
}

/// The source carries the upstream's HTTP/2 error code, with which the client's HTTP/2 stream is reset too.
impl Error for UpstreamBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamBodyError::Connection(error) => error.cause(),
            UpstreamBodyError::ReadTimeout | UpstreamBodyError::RequestBody(_) => None,
        }
    }
}

impl UpstreamConnectionError {
    fn cause(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamConnectionError::Io(error) => Some(error),
            UpstreamConnectionError::Http2(error) => Some(error),
            UpstreamConnectionError::Closed | UpstreamConnectionError::Parse(_) => None,
        }
    }
}

impl fmt::Display for UpstreamConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamConnectionError::Closed => f.write_str("the upstream closed the connection"),
            UpstreamConnectionError::Io(error) => error.fmt(f),
            UpstreamConnectionError::Parse(error) => error.fmt(f),
            UpstreamConnectionError::Http2(error) => error.fmt(f),
        }
    }
}
