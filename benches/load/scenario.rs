//! The scenarios: what is asked of a proxy, and what is reported about it.

use anyhow::{Result, bail};

use crate::certificates::KeyKind;
use crate::key_group::KeyGroup;
use crate::site::UpstreamKind;

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: Load,
    pub(crate) upstream: UpstreamKind,
    pub(crate) key: KeyKind,
    pub(crate) group: KeyGroup,
    pub(crate) figure: Figure,
}

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Small answers over HTTP/1.1, each connection asking again at once.
    Http1 { connections: usize },
    /// The same over HTTP/2.
    Http2 { connections: usize, streams: usize },
    /// A connection for each request.
    FullHandshakes { clients: usize },
    /// A connection for each request, each resuming the session before it.
    ResumedHandshakes { clients: usize },
    /// Requests without TLS, which are answered with the address of the TLS side.
    Redirects { connections: usize },
    /// Large answers, of so many bytes each.
    Downloads { connections: usize, size: u64 },
    /// Large requests, of so many bytes each.
    Uploads { connections: usize, size: u64, framing: Framing },
    /// WebSockets that send a message as soon as the last one is back.
    Echoes { sockets: usize, length: usize },
    /// WebSockets that send at a steady rate.
    PacedEchoes { sockets: usize, per_second: u32 },
    /// WebSockets that open, exchange one message and close.
    Openings { clients: usize },
    /// WebSockets that are open and silent.
    IdleSockets { sockets: usize },
    /// WebSockets that all receive each message the application sends.
    Broadcast { sockets: usize },
    /// No load: the proxy is started again and again.
    Startup,
}

/// How a request tells the length of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    ContentLength,
    Chunked,
}

/// The number that a scenario compares proxies by; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Microseconds of CPU time for each of these.
    CpuPer(Unit),
    /// KiB of memory by which each tunnel lets the proxy grow.
    MemoryPerTunnel,
    /// Milliseconds from the start of the program to its first answer.
    TimeToAnswer,
}

/// What is counted.
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
    /// How many clients the generator runs.
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

    /// The same load with `most` idle sockets at most.
    pub(crate) fn with_tunnels_at_most(self, most: usize) -> Self {
        match self {
            Self::IdleSockets { sockets } => Self::IdleSockets { sockets: sockets.min(most) },
            other => other,
        }
    }

    /// Whether clients go as fast as they are answered, so that the proxy's cores ought to be busy.
    pub(crate) fn is_closed_loop(self) -> bool {
        !matches!(
            self,
            Self::PacedEchoes { .. } | Self::IdleSockets { .. } | Self::Broadcast { .. } | Self::Startup
        )
    }

    /// Whether all clients must live on one thread, because one of them leads the others.
    pub(crate) fn needs_one_thread(self) -> bool {
        matches!(self, Self::Broadcast { .. })
    }
}

impl Figure {
    pub(crate) fn label(self) -> String {
        match self {
            Self::CpuPer(unit) => format!("CPU µs/{}", unit.singular()),
            Self::MemoryPerTunnel => "KiB/tunnel".to_owned(),
            Self::TimeToAnswer => "ms to answer".to_owned(),
        }
    }

    /// What the throughput counts.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::CpuPer(unit) => unit,
            Self::MemoryPerTunnel => Unit::Tunnel,
            Self::TimeToAnswer => Unit::Request,
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

/// The scenarios whose names are given, or begin with what is given; all for an empty list.
///
/// # Errors
/// A name fits none.
pub(crate) fn select(names: &[String]) -> Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let mut selected = Vec::new();
    for name in names {
        let exact: Vec<Scenario> = ALL.iter().copied().filter(|scenario| scenario.name == name).collect();
        let fitting = if exact.is_empty() {
            ALL.iter().copied().filter(|scenario| scenario.name.starts_with(name.as_str())).collect()
        } else {
            exact
        };
        if fitting.is_empty() {
            bail!("there is no scenario {name:?}; --list shows those there are");
        }
        selected.extend(fitting);
    }
    Ok(selected)
}

/// A short look at everything that matters.
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

/// What most scenarios share.
const TYPICAL: Scenario = Scenario {
    name: "",
    about: "",
    load: Load::Startup,
    upstream: UpstreamKind::Tcp,
    key: KeyKind::EcdsaP256,
    group: KeyGroup::X25519,
    figure: Figure::CpuPer(Unit::Request),
};

const MIB: u64 = 1 << 20;

/// Every scenario, in the order they run.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "get-h1",
        about: "GET of 1 KiB over HTTP/1.1, 64 connections kept alive",
        load: Load::Http1 { connections: 64 },
        ..TYPICAL
    },
    Scenario {
        name: "get-h1-unix",
        about: "the same, with the application behind a unix socket",
        load: Load::Http1 { connections: 64 },
        upstream: UpstreamKind::Unix,
        ..TYPICAL
    },
    Scenario {
        name: "get-h1-1024",
        about: "GET of 1 KiB over HTTP/1.1, 1,024 connections kept alive",
        load: Load::Http1 { connections: 1024 },
        ..TYPICAL
    },
    Scenario {
        name: "get-h2",
        about: "GET of 1 KiB over HTTP/2, 8 connections with 32 streams each",
        load: Load::Http2 { connections: 8, streams: 32 },
        ..TYPICAL
    },
    Scenario {
        name: "handshake-ecdsa",
        about: "connect, full TLS 1.3 handshake with an ECDSA P-256 certificate, GET, close",
        load: Load::FullHandshakes { clients: 32 },
        figure: Figure::CpuPer(Unit::Handshake),
        ..TYPICAL
    },
    Scenario {
        name: "handshake-ecdsa-mlkem",
        about: "the same with X25519MLKEM768; n/a where a library lacks it, which would fall back to X25519",
        load: Load::FullHandshakes { clients: 32 },
        group: KeyGroup::X25519MlKem768,
        figure: Figure::CpuPer(Unit::Handshake),
        ..TYPICAL
    },
    Scenario {
        name: "handshake-rsa",
        about: "handshake-ecdsa with an RSA 2048 certificate",
        load: Load::FullHandshakes { clients: 32 },
        key: KeyKind::Rsa2048,
        figure: Figure::CpuPer(Unit::Handshake),
        ..TYPICAL
    },
    Scenario {
        name: "handshake-resumed",
        about: "connect, resumed TLS 1.3 handshake, GET, close",
        load: Load::ResumedHandshakes { clients: 32 },
        figure: Figure::CpuPer(Unit::Handshake),
        ..TYPICAL
    },
    Scenario {
        name: "redirect",
        about: "plain HTTP answered with 301, 64 connections kept alive",
        load: Load::Redirects { connections: 64 },
        figure: Figure::CpuPer(Unit::Redirect),
        ..TYPICAL
    },
    Scenario {
        name: "download-64m",
        about: "GET of 64 MiB, 4 connections",
        load: Load::Downloads { connections: 4, size: 64 * MIB },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..TYPICAL
    },
    Scenario {
        name: "download-1g",
        about: "GET of 1 GiB, 1 connection",
        load: Load::Downloads { connections: 1, size: 1024 * MIB },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..TYPICAL
    },
    Scenario {
        name: "upload-length",
        about: "POST of 64 MiB with a content-length, 4 connections",
        load: Load::Uploads { connections: 4, size: 64 * MIB, framing: Framing::ContentLength },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..TYPICAL
    },
    Scenario {
        name: "upload-chunked",
        about: "POST of 64 MiB in chunks, 4 connections",
        load: Load::Uploads { connections: 4, size: 64 * MIB, framing: Framing::Chunked },
        figure: Figure::CpuPer(Unit::Mebibyte),
        ..TYPICAL
    },
    Scenario {
        name: "ws-echo-64",
        about: "WebSocket echo of 128 bytes, 64 sockets",
        load: Load::Echoes { sockets: 64, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "ws-echo-1000",
        about: "WebSocket echo of 128 bytes, 1,000 sockets",
        load: Load::Echoes { sockets: 1000, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "ws-echo-4000",
        about: "WebSocket echo of 128 bytes, 4,000 sockets",
        load: Load::Echoes { sockets: 4000, length: 128 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "ws-echo-16k-64",
        about: "WebSocket echo of 16 KiB, 64 sockets",
        load: Load::Echoes { sockets: 64, length: 16 * 1024 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "ws-paced-1000",
        about: "WebSocket echo of 128 bytes, 1,000 sockets, 4 messages a second each",
        load: Load::PacedEchoes { sockets: 1000, per_second: 4 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "ws-open",
        about: "connect, TLS handshake, upgrade, one echo, close",
        load: Load::Openings { clients: 32 },
        figure: Figure::CpuPer(Unit::Tunnel),
        ..TYPICAL
    },
    Scenario {
        name: "ws-idle-1000",
        about: "memory of 1,000 WebSockets that were used once and are silent",
        load: Load::IdleSockets { sockets: 1000 },
        figure: Figure::MemoryPerTunnel,
        ..TYPICAL
    },
    Scenario {
        name: "ws-idle-5000",
        about: "memory of 5,000 WebSockets that were used once and are silent",
        load: Load::IdleSockets { sockets: 5000 },
        figure: Figure::MemoryPerTunnel,
        ..TYPICAL
    },
    Scenario {
        name: "ws-idle-10000",
        about: "memory of 10,000 WebSockets that were used once and are silent",
        load: Load::IdleSockets { sockets: 10_000 },
        figure: Figure::MemoryPerTunnel,
        ..TYPICAL
    },
    Scenario {
        name: "ws-broadcast-2000",
        about: "one message of the application to 2,000 WebSockets, again and again",
        load: Load::Broadcast { sockets: 2000 },
        figure: Figure::CpuPer(Unit::Message),
        ..TYPICAL
    },
    Scenario {
        name: "startup",
        about: "from the start of the program to its first answer over TLS",
        figure: Figure::TimeToAnswer,
        ..TYPICAL
    },
];
