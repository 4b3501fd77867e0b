//! Copies bytes in both directions after a protocol switch.
//!
//! One task serves both directions. An idle tunnel owns no buffer: the worker lends a buffer while bytes are read
//! and written, and a direction keeps only the bytes that its receiver does not accept at once. When one direction
//! closes, its receiver is shut down for writing (half-close), and the other direction continues until it closes
//! too.

pub mod upgrade;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::downstream::connection::DownstreamConnection;
use crate::drain::{TaskKind, TaskTracker};
use crate::net::buffer_pool;
use crate::net::idle_timer::IdleTimer;
use crate::telemetry::access_log::TunnelRecord;
use crate::telemetry::metrics::TunnelGuard;
use crate::upstream::connector::UpstreamStream;

/// Upstream end of a tunnel that opens when the 101 is written.
pub struct PendingTunnel {
    pub upstream: TunnelEndpoint<UpstreamStream>,
    /// The tunnel closes after this time without a byte in either direction.
    pub idle_timeout: Duration,
}

/// A stream and the bytes already read from it.
pub struct TunnelEndpoint<S> {
    pub stream: S,
    /// Bytes read after the head of the upgrade.
    pub early: Bytes,
}

/// Receives the number of bytes copied in each direction.
pub trait TrafficMeter {
    fn to_client(&mut self, bytes: u64);
    fn to_upstream(&mut self, bytes: u64);
}

/// Bidirectional copy between client and upstream.
struct Tunnel<C, U, M> {
    client: C,
    upstream: U,
    to_upstream: HalfDuplex,
    to_client: HalfDuplex,
    idle_timer: IdleTimer,
    meter: M,
}

/// One direction of a tunnel.
struct HalfDuplex {
    state: HalfDuplexState,
    /// Bytes that were read, but not yet accepted by the receiver.
    pending: Bytes,
    /// Bytes were written that may still be in a TLS buffer.
    unflushed: bool,
}

/// Open, closing or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HalfDuplexState {
    Open,
    /// The sender has ended its direction; pending bytes are written, then the receiver is shut down for writing.
    Closing,
    Closed,
}

/// Both directions closed, or idle timeout.
enum TunnelClose {
    BothClosed,
    IdleTimeout,
}

/// Bytes accepted, or the writer is closed.
enum WriteOutcome {
    Accepted,
    /// The receiver accepts no more bytes.
    Closed,
}

impl PendingTunnel {
    /// Starts the tunnel as a task when the 101 is written. `guard` counts the tunnel until it closes.
    pub(super) fn open_on_upgrade(
        self,
        client: &DownstreamConnection,
        record: TunnelRecord,
        guard: Option<TunnelGuard>,
        drain: TaskTracker,
    ) {
        client.on_upgrade(Box::new(move |mut stream, early| {
            stream.set_tunnel_mode();
            let client = TunnelEndpoint { stream, early };
            let tunnel = copy_bidirectional(client, self.upstream, self.idle_timeout, record);
            drain.spawn(TaskKind::Tunnel, tunnel.map(move |()| drop(guard)));
        }));
    }
}

/// Copies bytes until both directions close, one fails, or no byte is copied for `idle_timeout`.
///
/// The size of the future is the memory of an idle tunnel, so it stores each part once: it consists of the open
/// tunnel and not of the arguments, and the rarely needed future of an orderly close is allocated when it runs.
pub fn copy_bidirectional<C, U>(
    client: TunnelEndpoint<C>,
    upstream: TunnelEndpoint<U>,
    idle_timeout: Duration,
    meter: impl TrafficMeter,
) -> impl Future<Output = ()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut tunnel = Tunnel {
        client: client.stream,
        upstream: upstream.stream,
        to_upstream: HalfDuplex::with_pending(client.early),
        to_client: HalfDuplex::with_pending(upstream.early),
        idle_timer: IdleTimer::new(idle_timeout),
        meter,
    };
    async move {
        match poll_fn(|cx| tunnel.poll(cx, idle_timeout)).await {
            Ok(TunnelClose::BothClosed) => {}
            Ok(TunnelClose::IdleTimeout) => Box::pin(tunnel.close_both()).await,
            Err(error) => tracing::debug!(%error, "tunnel: aborted"),
        }
    }
}

impl<C, U, M> Tunnel<C, U, M>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
    M: TrafficMeter,
{
    /// Copies what can be copied now in both directions, and restarts the idle timer if a byte was copied.
    fn poll(&mut self, cx: &mut Context<'_>, idle_timeout: Duration) -> Poll<io::Result<TunnelClose>> {
        let was_half_closed = self.is_half_closed();
        let mut up = 0;
        let mut down = 0;
        let to_upstream = self.to_upstream.poll(cx, &mut self.client, &mut self.upstream, &mut up);
        let to_client = self.to_client.poll(cx, &mut self.upstream, &mut self.client, &mut down);
        if up + down > 0 {
            self.meter.to_upstream(up);
            self.meter.to_client(down);
            self.idle_timer.reset();
        }
        if let (Poll::Ready(()), Poll::Ready(())) = (to_upstream?, to_client?) {
            return Poll::Ready(Ok(TunnelClose::BothClosed));
        }
        if self.is_half_closed() && !was_half_closed {
            self.idle_timer.restart(idle_timeout.min(HALF_CLOSED_TIMEOUT));
        }
        self.idle_timer.poll_expired(cx).map(|()| Ok(TunnelClose::IdleTimeout))
    }

    fn is_half_closed(&self) -> bool {
        (self.to_upstream.state == HalfDuplexState::Closed) != (self.to_client.state == HalfDuplexState::Closed)
    }

    /// Shuts down both streams (`close_notify`, FIN) within [`CLOSE_TIMEOUT`].
    async fn close_both(&mut self) {
        let close = async {
            let _ = self.client.shutdown().await;
            let _ = self.upstream.shutdown().await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
    }
}

impl HalfDuplex {
    fn with_pending(early: Bytes) -> HalfDuplex {
        // An empty slice would keep the read buffer alive that it was split from: 8 KiB, for hours.
        let early = if early.is_empty() { Bytes::new() } else { early };
        HalfDuplex { state: HalfDuplexState::Open, pending: early, unflushed: false }
    }

    /// Copies what can be copied now, and adds the bytes that the receiver accepts to `copied`. Ready when this
    /// direction has closed; an error is that of the stream that is read from.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        copied: &mut u64,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while self.state != HalfDuplexState::Closed {
            let step = match self.state {
                _ if !self.pending.is_empty() => self.poll_write_pending(cx, to, copied),
                HalfDuplexState::Open => match self.poll_copy(cx, from, to, copied)? {
                    Poll::Ready(written) => Poll::Ready(written),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, to));
                        return Poll::Pending;
                    }
                },
                HalfDuplexState::Closing | HalfDuplexState::Closed => {
                    // An error means that the receiver has already closed.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    Poll::Ready(WriteOutcome::Closed)
                }
            };
            if let WriteOutcome::Closed = ready!(step) {
                // Not an error: the receiver may still send bytes in the other direction.
                (self.state, self.pending) = (HalfDuplexState::Closed, Bytes::new());
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes the bytes to the other side. Bytes that the receiver does not accept become pending.
    /// An error is that of the stream that is read from.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        copied: &mut u64,
    ) -> io::Result<Poll<WriteOutcome>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut lent = buffer_pool::acquire();
        let mut arrived = ReadBuf::new(&mut lent);
        match Pin::new(from).poll_read(cx, &mut arrived) {
            Poll::Pending => return Ok(Poll::Pending),
            // A TLS peer that closes without `close_notify` has closed too.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Poll::Ready(result) => result?,
        }
        let mut rest = arrived.filled();
        if rest.is_empty() {
            self.state = HalfDuplexState::Closing;
            return Ok(Poll::Ready(WriteOutcome::Accepted));
        }
        self.unflushed = true;
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(Ok(written @ 1..)) => {
                    *copied += written as u64;
                    rest = &rest[written..];
                }
                Poll::Ready(_) => return Ok(Poll::Ready(WriteOutcome::Closed)),
                Poll::Pending => {
                    self.pending = Bytes::copy_from_slice(rest);
                    break;
                }
            }
        }
        Ok(Poll::Ready(WriteOutcome::Accepted))
    }

    fn poll_write_pending<W>(&mut self, cx: &mut Context<'_>, to: &mut W, copied: &mut u64) -> Poll<WriteOutcome>
    where
        W: AsyncWrite + Unpin,
    {
        self.unflushed = true;
        let Ok(written @ 1..) = ready!(Pin::new(to).poll_write(cx, &self.pending)) else {
            return Poll::Ready(WriteOutcome::Closed);
        };
        *copied += written as u64;
        self.pending.advance(written);
        if self.pending.is_empty() {
            // An empty slice would keep the buffer alive that it was split from.
            self.pending = Bytes::new();
        }
        Poll::Ready(WriteOutcome::Accepted)
    }

    fn poll_flush<W>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Poll<()>
    where
        W: AsyncWrite + Unpin,
    {
        if self.unflushed {
            // The next read or write returns the error again.
            let _ = ready!(Pin::new(to).poll_flush(cx));
            self.unflushed = false;
        }
        Poll::Ready(())
    }
}

/// Idle timeout of a tunnel with one closed direction, unless the configured one is shorter.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);

/// Time limit for shutting down both streams of an idle tunnel.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

impl TrafficMeter for TunnelRecord {
    fn to_client(&mut self, bytes: u64) {
        self.sent(bytes);
    }

    fn to_upstream(&mut self, bytes: u64) {
        self.received(bytes);
    }
}
