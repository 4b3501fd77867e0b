//! From a scenario's load to the clients that make it up.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use http::Request;

use super::broadcast::Audience;
use super::connection::{Alpn, Dialer, Offer, Sessions};
use super::handshake::Handshakes;
use super::http1::{BUFFER, Expected, KeepAlive, Length, PlainKeepAlive};
use super::http2::Streams;
use super::transfer::Upload;
use super::websocket::{Echo, Endpoint, Idle, Open, Paced};
use super::{Conductor, Silence};
use crate::application::{BROADCAST_PATH, ECHO_PATH};
use crate::key_group::KeyGroup;
use crate::meter::Tally;
use crate::scenario::Load;
use crate::site::{HOST, Site};

/// What a load is aimed at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) group: KeyGroup,
}

impl Target {
    pub(crate) fn of(site: &Site) -> Self {
        Self { https: site.https, http: site.http, group: site.group }
    }

    /// What one small GET on a connection of its own takes.
    pub(super) fn single_get(&self) -> Result<(Dialer, Vec<u8>, Expected)> {
        Ok((self.dialer(Alpn::Http1)?, get("/bytes/1024", "Connection: close\r\n"), body_of(1024)))
    }

    fn dialer(&self, alpn: Alpn) -> Result<Dialer> {
        Dialer::new(self.https, self.offer(alpn, Sessions::Forgotten), BUFFER)
    }

    fn offer(&self, alpn: Alpn, sessions: Sessions) -> Offer {
        Offer { alpn, sessions, group: self.group }
    }

    /// A dialer for bodies so large that the size of each read decides.
    fn bulk_dialer(&self) -> Result<Dialer> {
        Dialer::new(self.https, self.offer(Alpn::Http1, Sessions::Forgotten), BULK_BUFFER)
    }

    fn echo(&self, length: usize) -> Result<Endpoint> {
        let dialer = if length < BUFFER / 2 { self.dialer(Alpn::Http1)? } else { self.bulk_dialer()? };
        Ok(Endpoint::new(dialer, ECHO_PATH, length))
    }

    fn handshakes(self, sessions: Sessions) -> Handshakes {
        let new_dialer = Box::new(move || Dialer::new(self.https, self.offer(Alpn::Http1, sessions), BUFFER));
        let request = get("/bytes/1024", "Connection: close\r\n");
        Handshakes { new_dialer, sessions, request, expected: body_of(1024) }
    }
}

/// Runs one thread's share of a load, `count` clients, to its end.
///
/// # Errors
/// TLS cannot be set up.
pub(super) async fn drive(load: Load, count: usize, target: Target, conductor: Conductor) -> Result<Tally> {
    let stuck = Silence::MeansStuck;
    let tally = match load {
        Load::Http1 { .. } => conductor.lead(small_gets(&target)?, count, stuck).await,
        Load::Http2 { streams, .. } => conductor.lead(multiplexed_gets(&target, streams)?, count, stuck).await,
        Load::FullHandshakes { .. } => conductor.lead(target.handshakes(Sessions::Forgotten), count, stuck).await,
        Load::ResumedHandshakes { .. } => conductor.lead(target.handshakes(Sessions::Resumed), count, stuck).await,
        Load::Redirects { .. } => conductor.lead(redirects(&target), count, stuck).await,
        Load::Downloads { size, .. } => conductor.lead(downloads(&target, size)?, count, stuck).await,
        Load::Uploads { size, framing, .. } => {
            conductor.lead(Upload::new(target.bulk_dialer()?, size, framing), count, stuck).await
        }
        Load::Echoes { length, .. } => conductor.lead(Echo(target.echo(length)?), count, stuck).await,
        Load::PacedEchoes { per_second, .. } => {
            let period = Duration::from_secs(1) / per_second;
            conductor.lead(Paced::new(target.echo(SHORT_MESSAGE)?, period, count), count, stuck).await
        }
        Load::Openings { .. } => conductor.lead(Open(target.echo(SHORT_MESSAGE)?), count, stuck).await,
        Load::IdleSockets { .. } => {
            conductor.lead(Idle(target.echo(SHORT_MESSAGE)?), count, Silence::IsIntended).await
        }
        Load::Broadcast { .. } => {
            let endpoint = Endpoint::new(target.dialer(Alpn::Http1)?, BROADCAST_PATH, SHORT_MESSAGE);
            conductor.lead(Audience::new(endpoint, count), count, stuck).await
        }
        Load::Startup => Tally::new(),
    };
    Ok(tally)
}

fn small_gets(target: &Target) -> Result<KeepAlive> {
    Ok(KeepAlive { dialer: target.dialer(Alpn::Http1)?, request: get("/bytes/1024", ""), expected: body_of(1024) })
}

fn downloads(target: &Target, size: u64) -> Result<KeepAlive> {
    let request = get(&format!("/bytes/{size}"), "");
    Ok(KeepAlive { dialer: target.bulk_dialer()?, request, expected: body_of(size) })
}

fn redirects(target: &Target) -> PlainKeepAlive {
    let expected = Expected { status: 301, length: Length::Free };
    PlainKeepAlive { address: target.http, request: get("/group/project?tab=readme", ""), expected }
}

fn multiplexed_gets(target: &Target, streams: usize) -> Result<Streams> {
    let request = Request::get(format!("https://{HOST}/bytes/1024")).header("user-agent", USER_AGENT).body(())?;
    Ok(Streams { dialer: target.dialer(Alpn::Http2)?, request, length: 1024, streams })
}

/// A request as a lean client sends it, with `extra` header lines.
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
