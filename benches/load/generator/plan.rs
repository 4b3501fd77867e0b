//! Creates and runs the clients of a load.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use http::Request;

use super::broadcast::BroadcastGroup;
use super::connection::{Alpn, Connector, SessionResumption, TlsOptions};
use super::driver::{ClientDriver, NoProgress};
use super::handshake::Handshakes;
use super::http1::{BUFFER, Expected, KeepAlive, Length, PlainKeepAlive};
use super::http2::Streams;
use super::upload::Upload;
use super::websocket::{Echo, Endpoint, Idle, Open, Paced};
use crate::environment::{Environment, HOST};
use crate::key_group::KeyGroup;
use crate::meter::Counts;
use crate::scenario::Load;
use crate::upstream::{BROADCAST_PATH, ECHO_PATH};

/// The addresses and the key exchange group of a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) group: KeyGroup,
}

impl Target {
    pub(crate) fn of(environment: &Environment) -> Self {
        Self { https: environment.https, http: environment.http, group: environment.group }
    }

    /// Returns the connector, request and expected response of one GET of 1 KiB with `Connection: close`.
    pub(super) fn single_get(&self) -> Result<(Connector, Vec<u8>, Expected)> {
        Ok((self.connector(Alpn::Http1)?, get("/bytes/1024", "Connection: close\r\n"), body_of(1024)))
    }

    fn connector(&self, alpn: Alpn) -> Result<Connector> {
        Connector::new(self.https, self.offer(alpn, SessionResumption::Disabled), BUFFER)
    }

    fn offer(&self, alpn: Alpn, resumption: SessionResumption) -> TlsOptions {
        TlsOptions { alpn, resumption, group: self.group }
    }

    /// Returns a connector with a large read buffer, for large bodies.
    fn bulk_connector(&self) -> Result<Connector> {
        Connector::new(self.https, self.offer(Alpn::Http1, SessionResumption::Disabled), BULK_BUFFER)
    }

    fn echo(&self, length: usize) -> Result<Endpoint> {
        let connector = if length < BUFFER / 2 { self.connector(Alpn::Http1)? } else { self.bulk_connector()? };
        Ok(Endpoint::new(connector, ECHO_PATH, length))
    }

    fn handshakes(self, resumption: SessionResumption) -> Handshakes {
        let new_connector =
            Box::new(move || Connector::new(self.https, self.offer(Alpn::Http1, resumption), BUFFER));
        let request = get("/bytes/1024", "Connection: close\r\n");
        Handshakes { new_connector, resumption, request, expected: body_of(1024) }
    }
}

/// Runs `count` clients of a load on this thread until the load is finished.
///
/// # Errors
/// The TLS options are not supported.
pub(super) async fn run(load: Load, count: usize, target: Target, driver: ClientDriver) -> Result<Counts> {
    let stuck = NoProgress::IsError;
    let counts = match load {
        Load::Http1 { .. } => driver.run(small_gets(&target)?, count, stuck).await,
        Load::Http2 { streams, .. } => driver.run(multiplexed_gets(&target, streams)?, count, stuck).await,
        Load::FullHandshakes { .. } => {
            driver.run(target.handshakes(SessionResumption::Disabled), count, stuck).await
        }
        Load::ResumedHandshakes { .. } => {
            driver.run(target.handshakes(SessionResumption::Enabled), count, stuck).await
        }
        Load::Redirects { .. } => driver.run(redirects(&target), count, stuck).await,
        Load::Downloads { size, .. } => driver.run(downloads(&target, size)?, count, stuck).await,
        Load::Uploads { size, framing, .. } => {
            driver.run(Upload::new(target.bulk_connector()?, size, framing), count, stuck).await
        }
        Load::Echoes { length, .. } => driver.run(Echo(target.echo(length)?), count, stuck).await,
        Load::PacedEchoes { per_second, .. } => {
            let period = Duration::from_secs(1) / per_second;
            driver.run(Paced::new(target.echo(SHORT_MESSAGE)?, period, count), count, stuck).await
        }
        Load::Openings { .. } => driver.run(Open(target.echo(SHORT_MESSAGE)?), count, stuck).await,
        Load::IdleSockets { .. } => {
            driver.run(Idle(target.echo(SHORT_MESSAGE)?), count, NoProgress::IsExpected).await
        }
        Load::Broadcast { .. } => {
            let endpoint = Endpoint::new(target.connector(Alpn::Http1)?, BROADCAST_PATH, SHORT_MESSAGE);
            driver.run(BroadcastGroup::new(endpoint, count), count, stuck).await
        }
        Load::Startup => Counts::new(),
    };
    Ok(counts)
}

fn small_gets(target: &Target) -> Result<KeepAlive> {
    Ok(KeepAlive {
        connector: target.connector(Alpn::Http1)?,
        request: get("/bytes/1024", ""),
        expected: body_of(1024),
    })
}

fn downloads(target: &Target, size: u64) -> Result<KeepAlive> {
    let request = get(&format!("/bytes/{size}"), "");
    Ok(KeepAlive { connector: target.bulk_connector()?, request, expected: body_of(size) })
}

fn redirects(target: &Target) -> PlainKeepAlive {
    let expected = Expected { status: 301, length: Length::Any };
    PlainKeepAlive { address: target.http, request: get("/group/project?tab=readme", ""), expected }
}

fn multiplexed_gets(target: &Target, streams: usize) -> Result<Streams> {
    let request = Request::get(format!("https://{HOST}/bytes/1024")).header("user-agent", USER_AGENT).body(())?;
    Ok(Streams { connector: target.connector(Alpn::Http2)?, request, length: 1024, streams })
}

/// Returns a GET request with few headers and the header lines `extra`.
fn get(path: &str, extra: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n{extra}\r\n")
        .into_bytes()
}

fn body_of(length: u64) -> Expected {
    Expected { status: 200, length: Length::Exactly(length) }
}

const USER_AGENT: &str = "gatepost-load";
const SHORT_MESSAGE: usize = 128;
const BULK_BUFFER: usize = 256 * 1024;
