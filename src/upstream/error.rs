//! Why an application did not answer, or not to the end.

use std::error::Error;
use std::fmt;
use std::io;

use super::request_body::RequestBodyFailure;
use crate::http1::parse_error::Http1ParseError;

/// Why there is no answer.
#[derive(Debug)]
pub enum UpstreamError {
    Connect(io::Error),
    ConnectTimeout,
    /// It was reached, but TLS with it failed.
    Handshake(io::Error),
    /// The connection ended or broke before the head of an answer.
    Connection(UpstreamConnectionError),
    /// Nothing came for as long as the route allows.
    ResponseTimeout,
    /// It switched protocols without having been asked to.
    UnexpectedUpgrade,
    /// The request's own body failed; the application is not to blame.
    RequestBody(RequestBodyFailure),
}

/// Why an answer ends before its end. The client must see it truncated, never as complete.
#[derive(Debug)]
pub enum UpstreamBodyError {
    Connection(UpstreamConnectionError),
    /// The application fell silent for as long as the route allows.
    ReadTimeout,
    /// The request's own body failed while the answer was coming already.
    RequestBody(RequestBodyFailure),
}

/// How a connection failed.
#[derive(Debug)]
pub enum UpstreamConnectionError {
    /// It was closed too early.
    Closed,
    Io(io::Error),
    /// What came is no HTTP/1.
    Unreadable(Http1ParseError),
    Stream(hyper::Error),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Connect(error) => write!(f, "cannot connect: {error}"),
            UpstreamError::Handshake(error) => write!(f, "TLS with it failed: {error}"),
            UpstreamError::ConnectTimeout => f.write_str("no connection within connect_timeout"),
            UpstreamError::Connection(error) => write!(f, "the connection broke before an answer: {error}"),
            UpstreamError::ResponseTimeout => f.write_str("no answer within upstream_read_timeout"),
            UpstreamError::UnexpectedUpgrade => f.write_str("it switched protocols without being asked to"),
            UpstreamError::RequestBody(failure) => write!(f, "the request's body failed: {failure}"),
        }
    }
}

impl Error for UpstreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamError::Connect(error) | UpstreamError::Handshake(error) => Some(error),
            UpstreamError::Connection(breakage) => breakage.cause(),
            _ => None,
        }
    }
}

impl fmt::Display for UpstreamBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamBodyError::Connection(error) => write!(f, "the application's answer broke off: {error}"),
            UpstreamBodyError::ReadTimeout => f.write_str("the application fell silent within its answer"),
            UpstreamBodyError::RequestBody(failure) => write!(f, "the request's body failed: {failure}"),
        }
    }
}

/// The cause lets HTTP/2 end the client's stream with the application's own reason.
impl Error for UpstreamBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamBodyError::Connection(breakage) => breakage.cause(),
            UpstreamBodyError::ReadTimeout | UpstreamBodyError::RequestBody(_) => None,
        }
    }
}

impl UpstreamConnectionError {
    fn cause(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UpstreamConnectionError::Io(error) => Some(error),
            UpstreamConnectionError::Stream(error) => Some(error),
            UpstreamConnectionError::Closed | UpstreamConnectionError::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for UpstreamConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamConnectionError::Closed => f.write_str("the application closed the connection"),
            UpstreamConnectionError::Io(error) => error.fmt(f),
            UpstreamConnectionError::Unreadable(what) => what.fmt(f),
            UpstreamConnectionError::Stream(error) => error.fmt(f),
        }
    }
}
