//! The tunnel: bytes both ways between a client and an application after a 101.
//!
//! One task serves both directions. While nothing flows it owns no buffer: a buffer is lent by the worker
//! for the moment in which bytes are read and written on, and only what the other side does not take at
//! once is kept. The end of one direction is passed on as such, and the other goes on until it ends too.

pub mod upgrade;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::net::buffer_pool;
use crate::net::idle_timer::IdleTimer;
use crate::telemetry::access_log::TunnelRecord;

/// One end of a tunnel: the stream, and bytes that were read from it together with the handshake.
pub struct TunnelEndpoint<S> {
    pub stream: S,
    pub early: Bytes,
}

/// Told about every byte that has been passed on.
pub trait TrafficMeter {
    fn to_client(&mut self, bytes: u64);
    fn to_application(&mut self, bytes: u64);
}

/// A tunnel that is open.
struct Tunnel<C, U, M> {
    client: C,
    application: U,
    upwards: HalfDuplex,
    downwards: HalfDuplex,
    idle: IdleTimer,
    meter: M,
}

/// One direction of a tunnel.
struct HalfDuplex {
    state: HalfDuplexState,
    /// Read, but not yet taken by the other side.
    held: Bytes,
    /// Written, but perhaps still in a TLS buffer.
    unflushed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HalfDuplexState {
    Open,
    /// The reading side has ended; what is held goes out, then the end itself.
    Ending,
    Ended,
}

/// How a tunnel ends that does not break.
enum TunnelClose {
    BothEnded,
    /// Nothing has flowed for as long as it may.
    Idle,
}

/// What became of bytes that were to be passed on.
enum WriteOutcome {
    Taken,
    /// The writing side takes no more.
    Refused,
}

/// Passes bytes until both directions have ended, one breaks, or nothing flows for `idle_timeout`.
///
/// The future is what an idle tunnel costs, so it holds everything once: it is made of the open tunnel, not
/// of the arguments, and the goodbye that few tunnels need is allocated when it is said.
pub fn copy_bidirectional<C, U>(
    client: TunnelEndpoint<C>,
    application: TunnelEndpoint<U>,
    idle_timeout: Duration,
    meter: impl TrafficMeter,
) -> impl Future<Output = ()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut tunnel = Tunnel {
        client: client.stream,
        application: application.stream,
        upwards: HalfDuplex::starting_with(client.early),
        downwards: HalfDuplex::starting_with(application.early),
        idle: IdleTimer::new(idle_timeout),
        meter,
    };
    async move {
        match poll_fn(|cx| tunnel.poll(cx, idle_timeout)).await {
            Ok(TunnelClose::BothEnded) => {}
            Ok(TunnelClose::Idle) => Box::pin(tunnel.close_both()).await,
            Err(error) => tracing::debug!("a tunnel broke: {error}"),
        }
    }
}

impl<C, U, M> Tunnel<C, U, M>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
    M: TrafficMeter,
{
    fn poll(&mut self, cx: &mut Context<'_>, idle_timeout: Duration) -> Poll<io::Result<TunnelClose>> {
        let was_half_closed = self.is_half_closed();
        let mut up = 0;
        let mut down = 0;
        let upwards = self.upwards.poll(cx, &mut self.client, &mut self.application, &mut up);
        let downwards = self.downwards.poll(cx, &mut self.application, &mut self.client, &mut down);
        if up + down > 0 {
            self.meter.to_application(up);
            self.meter.to_client(down);
            self.idle.reset();
        }
        if let (Poll::Ready(()), Poll::Ready(())) = (upwards?, downwards?) {
            return Poll::Ready(Ok(TunnelClose::BothEnded));
        }
        if self.is_half_closed() && !was_half_closed {
            self.idle.restart(idle_timeout.min(HALF_CLOSED_TIMEOUT));
        }
        self.idle.poll_expired(cx).map(|()| Ok(TunnelClose::Idle))
    }

    fn is_half_closed(&self) -> bool {
        (self.upwards.state == HalfDuplexState::Ended) != (self.downwards.state == HalfDuplexState::Ended)
    }

    /// Says goodbye to both sides, and waits only a moment for either.
    async fn close_both(&mut self) {
        let goodbye = async {
            let _ = self.client.shutdown().await;
            let _ = self.application.shutdown().await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

impl HalfDuplex {
    fn starting_with(early: Bytes) -> HalfDuplex {
        // Even an empty slice keeps the buffer alive that it was cut from: 8 KiB of hyper's, for hours.
        let early = if early.is_empty() { Bytes::new() } else { early };
        HalfDuplex { state: HalfDuplexState::Open, held: early, unflushed: false }
    }

    /// Moves what can be moved now, adding to `moved` what the other side took. Ready when this direction
    /// has ended; an error means that the reading side is dead.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        moved: &mut u64,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while self.state != HalfDuplexState::Ended {
            let step = match self.state {
                _ if !self.held.is_empty() => self.poll_write_held(cx, to, moved),
                HalfDuplexState::Open => match self.poll_copy(cx, from, to, moved)? {
                    Poll::Ready(written) => Poll::Ready(written),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, to));
                        return Poll::Pending;
                    }
                },
                HalfDuplexState::Ending | HalfDuplexState::Ended => {
                    // A side that is gone already needs no goodbye.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    Poll::Ready(WriteOutcome::Refused)
                }
            };
            if let WriteOutcome::Refused = ready!(step) {
                // What the other direction brings is still worth delivering.
                (self.state, self.held) = (HalfDuplexState::Ended, Bytes::new());
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes on. What is not taken is held. The error is the reading side's.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        moved: &mut u64,
    ) -> io::Result<Poll<WriteOutcome>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut lent = buffer_pool::acquire();
        let mut arrived = ReadBuf::new(&mut lent);
        match Pin::new(from).poll_read(cx, &mut arrived) {
            Poll::Pending => return Ok(Poll::Pending),
            // A TLS peer that leaves without saying so (close_notify) has left all the same.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Poll::Ready(result) => result?,
        }
        let mut rest = arrived.filled();
        if rest.is_empty() {
            self.state = HalfDuplexState::Ending;
            return Ok(Poll::Ready(WriteOutcome::Taken));
        }
        self.unflushed = true;
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(Ok(taken @ 1..)) => {
                    *moved += taken as u64;
                    rest = &rest[taken..];
                }
                Poll::Ready(_) => return Ok(Poll::Ready(WriteOutcome::Refused)),
                Poll::Pending => {
                    self.held = Bytes::copy_from_slice(rest);
                    break;
                }
            }
        }
        Ok(Poll::Ready(WriteOutcome::Taken))
    }

    fn poll_write_held<W>(&mut self, cx: &mut Context<'_>, to: &mut W, moved: &mut u64) -> Poll<WriteOutcome>
    where
        W: AsyncWrite + Unpin,
    {
        self.unflushed = true;
        let Ok(taken @ 1..) = ready!(Pin::new(to).poll_write(cx, &self.held)) else {
            return Poll::Ready(WriteOutcome::Refused);
        };
        *moved += taken as u64;
        self.held.advance(taken);
        if self.held.is_empty() {
            // An empty slice would keep the whole memory it was cut from.
            self.held = Bytes::new();
        }
        Poll::Ready(WriteOutcome::Taken)
    }

    fn poll_flush<W>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Poll<()>
    where
        W: AsyncWrite + Unpin,
    {
        if self.unflushed {
            // An error shows again at the next write or read.
            let _ = ready!(Pin::new(to).poll_flush(cx));
            self.unflushed = false;
        }
        Poll::Ready(())
    }
}

/// How long the second direction may be silent once the first has ended.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);

/// What closing an idle tunnel may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

impl TrafficMeter for TunnelRecord {
    fn to_client(&mut self, bytes: u64) {
        self.sent(bytes);
    }

    fn to_application(&mut self, bytes: u64) {
        self.received(bytes);
    }
}
