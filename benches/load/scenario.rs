//! The scenarios: load, setup and reported figure of each.

use anyhow::{Result, bail};

use crate::certificates::KeyType;
use crate::environment::UpstreamTransport;
use crate::key_group::KeyGroup;

/// A load with its setup and the figure to report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: Load,
    pub(crate) upstream: UpstreamTransport,
    pub(crate) key: KeyType,
    pub(crate) group: KeyGroup,
    pub(crate) figure: Figure,
}

/// The work of the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Small GETs over HTTP/1.1, the next request directly after each response.
    Http1 { connections: usize },
    /// The same over HTTP/2.
    Http2 { connections: usize, streams: usize },
    /// One connection per request, with a full handshake.
    FullHandshakes { clients: usize },
    /// One connection per request, resuming the session of the previous one.
    ResumedHandshakes { clients: usize },
    /// Plain HTTP requests, redirected to HTTPS.
    Redirects { connections: usize },
    /// Responses of `size` bytes.
    Downloads { connections: usize, size: u64 },
    /// Requests of `size` bytes.
    Uploads { connections: usize, size: u64, framing: Framing },
    /// WebSockets that send the next message directly after each echo.
    Echoes { sockets: usize, length: usize },
    /// WebSockets that send at a fixed rate.
    PacedEchoes { sockets: usize, per_second: u32 },
    /// WebSockets that open, exchange one message and close.
    Openings { clients: usize },
    /// Idle WebSockets.
    IdleSockets { sockets: usize },
    /// WebSockets that receive each broadcast message of the upstream.
    Broadcast { sockets: usize },
    /// No load: the proxy is started repeatedly.
    Startup,
}

/// Framing of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    ContentLength,
    Chunked,
}

/// The figure by which a scenario compares proxies. Less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// CPU time per unit in microseconds.
    CpuPer(Unit),
    /// Growth of the proxy's memory per tunnel in KiB.
    MemoryPerTunnel,
    /// Time from the start of the program to its first response in milliseconds.
    TimeToFirstResponse,
}

/// The counted operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Request,
    Handshake,
    Redirect,
    Mebibyte,
    Message,
    Tunnel,
}

impl Load {
    /// Returns the number of clients.
    pub(crate) fn clients(self) -> usize {
        match self {
            Self::Http1 { connections }
            | Self::Http2 { connections, .. }
            | Self::Redirects { connections }
            | Self::Downloads { connections, .. }
            | Self::Uploads { connections, .. } => connections,
            Self::FullHandshakes { clients } | Self::ResumedHandshakes { clients } | Self::Openings { clients } => {
                clients
            }
            Self::Echoes { sockets, .. }
            | Self::PacedEchoes { sockets, .. }
            | Self::IdleSockets { sockets }
            | Self::Broadcast { sockets } => sockets,
            Self::Startup => 1,
        }
    }

    /// Returns the same load with at most `max` idle sockets.
    pub(crate) fn limit_tunnels(self, max: usize) -> Self {
        match self {
            Self::IdleSockets { sockets } => Self::IdleSockets { sockets: sockets.min(max) },
            other => other,
        }
    }

    /// Returns whether each client sends the next request directly after a response, which keeps the proxy busy.
    pub(crate) fn is_closed_loop(self) -> bool {
        !matches!(
            self,
            Self::PacedEchoes { .. } | Self::IdleSockets { .. } | Self::Broadcast { .. } | Self::Startup
        )
    }

    /// Returns whether all clients run on one thread, because they share the state of the broadcast group.
    pub(crate) fn needs_one_thread(self) -> bool {
        matches!(self, Self::Broadcast { .. })
    }
}

impl Figure {
    pub(crate) fn label(self) -> String {
        match self {
            Self::CpuPer(unit) => format!("CPU µs/{}", unit.singular()),
            Self::MemoryPerTunnel => "KiB/tunnel".to_owned(),
            Self::TimeToFirstResponse => "ms to response".to_owned(),
        }
    }

    /// Returns the unit of the throughput.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::CpuPer(unit) => unit,
            Self::MemoryPerTunnel => Unit::Tunnel,
            Self::TimeToFirstResponse => Unit::Request,
        }
    }
}

impl Unit {
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Handshake => "handshake",
            Self::Redirect => "redirect",
            Self::Mebibyte => "MiB",
            Self::Message => "message",
            Self::Tunnel => "tunnel",
        }
    }
}

/// Returns the scenarios with the given names or prefixes, all for an empty list.
///
/// # Errors
/// No scenario matches a name.
pub(crate) fn select(names: &[String]) -> Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let mut selected = Vec::new();
    for name in names {
        let exact: Vec<Scenario> = ALL.iter().copied().filter(|scenario| scenario.name == name).collect();
        let matching = if exact.is_empty() {
            ALL.iter().copied().filter(|scenario| scenario.name.starts_with(name.as_str())).collect()
        } else {
            exact
        };
        if matching.is_empty() {
            bail!("unknown scenario {name:?}; --list shows all scenarios");
        }
        selected.extend(matching);
    }
    Ok(selected)
}

/// The scenarios of `--quick`.
pub(crate) const QUICK: [&str; 11] = [
    "get-h1",
    "get-h2",
    "handshake-ecdsa",
    "redirect",
    "download-64m",
    "upload-length",
    "ws-echo-64",
    "ws-echo-1000",
    "ws-open",
    "ws-idle-1000",
    "startup",
];

/// Fields that most scenarios share.
const DEFAULTS: Scenario = Scenario {
    name: "",
    about: "",
    load: Load::Startup,
    upstream: UpstreamTransport::Tcp,
    key: KeyType::EcdsaP256,
    group: KeyGroup::X25519,
    figure: Figure::CpuPer(Unit::Request),
};

const MIB: u64 = 1 << 20;

/// All scenarios, in execution order.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "get-h1",
        about: "GET of 1 KiB over HTTP/1.1, 64 connections kept alive",
        load: Load::Http1 { connections: 64 },
        ..DEFAULTS
    },
    Scenario {
        name: "get-h1-unix",
        about: "the same, with the upstream on a Unix socket",
        load: Load::Http1 { connections: 64 },
        upstream: UpstreamTransport::Unix,
        ..DEFAULTS
    },
    Scenario {
        name: "get-h1-1024",
        about: "GET of 1 KiB over HTTP/1.1, 1,024 connections kept alive",
        load: Load::Http1 { connections: 1024 },
        ..DEFAULTS
    },
    Scenario {
        name: "get-h2",
        about: "GET of 1 KiB over HTTP/2, 8 connections with 32 streams each",
        load: Load::Http2 { connections: 8, streams: 32 },
        ..DEFAULTS
    },
    Scenario {
        name: "handshake-ecdsa",
        about: "connect, full TLS 1.3 handshake with an ECDSA P-256 certificate, GET, close",
        load: Load::FullHandshakes { clients: 32 },
        figure: Figure::CpuPer(Unit::Handshake),
        ..DEFAULTS
    },
    Scenario {
        name: "handshake-ecdsa-mlkem",
        about: "the same with X25519MLKEM768; n/a for libraries without it, which fall back to X25519",
        load: Load::FullHandshakes { clients: 32 },
        group: KeyGroup::X25519MlKem768,
        figure: Figure::CpuPer(Unit::Handshake),
        ..DEFAULTS
    },
    Scenario {
        name: "handshake-rsa",
        about: "handshake-ecdsa with an RSA 2048 certificate",
        load: Load::FullHandshakes { clients: 32 },
        key: KeyType::Rsa2048,
        figure: Figure::CpuPer(Unit::Handshake),
        ..DEFAULTS
    },
    Scenario {
        name: "handshake-resumed",
        about: "connect, resumed TLS 1.3 handshake, GET, close",
        load: Load::ResumedHandshakes { clients: 32 },
        figure: Figure::CpuPer(Unit::Handshake),
        ..DEFAULTS
    },
    Scenario {
        name: "redirect",
        about: "plain HTTP redirected with 301, 64 connections kept alive",
        load: Load::Redirects { connections: 64 },
        figure: Figure::CpuPer(Unit::Redirect),
        ..DEFAULTS
    },
    Scenario {
        name: "download-64m",
        about: "GET of 64 MiB, 4 connections",
        load: Load::Downloads { connections: 4, size: 64 * MIB },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..DEFAULTS
    },
    Scenario {
        name: "download-1g",
        about: "GET of 1 GiB, 1 connection",
        load: Load::Downloads { connections: 1, size: 1024 * MIB },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..DEFAULTS
    },
    Scenario {
        name: "upload-length",
        about: "POST of 64 MiB with a content-length, 4 connections",
        load: Load::Uploads { connections: 4, size: 64 * MIB, framing: Framing::ContentLength },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..DEFAULTS
    },
    Scenario {
        name: "upload-chunked",
        about: "POST of 64 MiB in chunks, 4 connections",
        load: Load::Uploads { connections: 4, size: 64 * MIB, framing: Framing::Chunked },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-echo-64",
        about: "WebSocket echo of 128 bytes, 64 sockets",
        load: Load::Echoes { sockets: 64, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-echo-1000",
        about: "WebSocket echo of 128 bytes, 1,000 sockets",
        load: Load::Echoes { sockets: 1000, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-echo-4000",
        about: "WebSocket echo of 128 bytes, 4,000 sockets",
        load: Load::Echoes { sockets: 4000, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-echo-16k-64",
        about: "WebSocket echo of 16 KiB, 64 sockets",
        load: Load::Echoes { sockets: 64, length: 16 * 1024 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-paced-1000",
        about: "WebSocket echo of 128 bytes, 1,000 sockets, 4 messages per second each",
        load: Load::PacedEchoes { sockets: 1000, per_second: 4 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-open",
        about: "connect, TLS handshake, upgrade, one echo, close",
        load: Load::Openings { clients: 32 },
        figure: Figure::CpuPer(Unit::Tunnel),
        ..DEFAULTS
    },
    Scenario {
        name: "ws-idle-1000",
        about: "memory of 1,000 WebSockets, idle after one message",
        load: Load::IdleSockets { sockets: 1000 },
        figure: Figure::MemoryPerTunnel,
        ..DEFAULTS
    },
    Scenario {
        name: "ws-idle-5000",
        about: "memory of 5,000 WebSockets, idle after one message",
        load: Load::IdleSockets { sockets: 5000 },
        figure: Figure::MemoryPerTunnel,
        ..DEFAULTS
    },
    Scenario {
        name: "ws-idle-10000",
        about: "memory of 10,000 WebSockets, idle after one message",
        load: Load::IdleSockets { sockets: 10_000 },
        figure: Figure::MemoryPerTunnel,
        ..DEFAULTS
    },
    Scenario {
        name: "ws-broadcast-2000",
        about: "repeated broadcast of one message to 2,000 WebSockets",
        load: Load::Broadcast { sockets: 2000 },
        figure: Figure::CpuPer(Unit::Message),
        ..DEFAULTS
    },
    Scenario {
        name: "startup",
        about: "from the start of the program to its first response over TLS",
        figure: Figure::TimeToFirstResponse,
        ..DEFAULTS
    },
];
