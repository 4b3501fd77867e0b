//! The client's TCP socket, as everything above it sees it.
//!
//! It does three things that the plain socket does not. It notes when bytes arrive and when writing is
//! stuck, so that one timer per connection can enforce all of a client's deadlines. Below TLS it reads
//! as much as there is with one system call, where rustls would ask for 4 KiB at a time. And it closes
//! gently: what the client still sends is read and dropped for a moment, because closing a socket with
//! unread data resets the connection and takes the answer just sent with it.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::lent_buffer;

/// A client's socket.
pub struct ClientSocket {
    tcp: TcpStream,
    activity: Rc<Activity>,
    reading: Reading,
    closing: Closing,
}

/// What the client of one connection is doing, and since when.
///
/// What happens is only noted. It gets its time when a deadline is asked for, which is when the connection has
/// been polled; so a poll in which much happens reads the clock once, or not at all.
pub struct Activity {
    phase: Cell<Phase>,
    since: Since,
    exchanges: Cell<u32>,
    is_write_stuck: Cell<bool>,
    write_stuck_since: Since,
    /// Answers whose last bytes nobody has asked more after, and since when there was no change.
    untaken: Cell<u32>,
    untaken_since: Since,
    /// Without taking any of the bytes that are ready for it, a client may last this long.
    write_limit: Cell<Duration>,
}

/// How long a client may take for what.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// From the first byte of a request's head to its last; also for a connection's first byte.
    pub head: Duration,
    /// Between requests.
    pub keep_alive: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between two requests.
    Idle,
    /// A request's head is due: it has begun, or it is the first of the connection.
    Head,
    /// Requests are being answered.
    Busy,
    /// HTTP/2: frames that are no request come at any time, so there are no heads to time.
    IdleMultiplexed,
}

/// When something began: just now, until the clock has been read.
#[derive(Default)]
struct Since(Cell<Option<Instant>>);

enum Reading {
    /// The reader above brings a buffer of a good size.
    Direct,
    /// Bytes that one system call brought beyond what the reader had room for.
    Ahead { bytes: Vec<u8>, taken: usize, opening: Opening },
}

/// Whether the client has been seen to speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Unseen,
    Tls,
}

enum Closing {
    /// Send FIN, then drain for a while.
    Gently(Option<Pin<Box<Sleep>>>),
    /// Send FIN and go on reading: one half of a tunnel ends.
    HalfOnly,
}

/// The reading error for a client that begins with HTTP where TLS is spoken.
#[derive(Debug)]
pub struct SpokePlainHttp;

impl fmt::Display for SpokePlainHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client spoke plain HTTP to a TLS port")
    }
}

impl Error for SpokePlainHttp {}

impl ClientSocket {
    /// A socket that HTTP reads from directly.
    pub fn plain(tcp: TcpStream, activity: Rc<Activity>) -> ClientSocket {
        ClientSocket { tcp, activity, reading: Reading::Direct, closing: Closing::Gently(None) }
    }

    /// A socket that TLS reads from, in small pieces.
    pub fn below_tls(tcp: TcpStream, activity: Rc<Activity>) -> ClientSocket {
        let reading = Reading::Ahead { bytes: Vec::new(), taken: 0, opening: Opening::Unseen };
        ClientSocket { tcp, activity, reading, closing: Closing::Gently(None) }
    }

    /// From now on, shutting down ends one direction only.
    pub fn become_tunnel(&mut self) {
        self.closing = Closing::HalfOnly;
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Closing::Gently(patience) = &mut self.closing else { return Poll::Ready(Ok(())) };
        let patience = patience.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if patience.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut buffer = lent_buffer::lend();
        loop {
            let mut discarded = ReadBuf::new(&mut buffer);
            match ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut discarded)) {
                Ok(()) if !discarded.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match &mut this.reading {
            Reading::Direct => ready!(Pin::new(&mut this.tcp).poll_read(cx, buf))?,
            Reading::Ahead { bytes, taken, .. } if !bytes.is_empty() => take_ahead(bytes, taken, buf),
            Reading::Ahead { bytes, opening, .. } => {
                ready!(read_ahead(&mut this.tcp, cx, buf, bytes))?;
                if *opening == Opening::Unseen {
                    check_opening(&buf.filled()[before..])?;
                    *opening = Opening::Tls;
                }
            }
        }
        if buf.filled().len() > before {
            this.activity.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.tcp).poll_write(cx, buf);
        this.activity.write_attempted(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Most messages are in one piece, for which `send` is the cheaper system call.
        if let [whole] = bufs {
            return self.poll_write(cx, whole);
        }
        let this = self.get_mut();
        let written = Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs);
        this.activity.write_attempted(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !matches!(this.closing, Closing::Gently(Some(_))) {
            ready!(Pin::new(&mut this.tcp).poll_shutdown(cx))?;
        }
        this.poll_drain(cx)
    }
}

impl Activity {
    /// A new connection, on which requests come one after the other. The first is due at once.
    pub fn one_by_one() -> Activity {
        Activity {
            phase: Cell::new(Phase::Head),
            since: Since::default(),
            exchanges: Cell::new(0),
            is_write_stuck: Cell::new(false),
            write_stuck_since: Since::default(),
            untaken: Cell::new(0),
            untaken_since: Since::default(),
            write_limit: Cell::new(DEFAULT_WRITE_LIMIT),
        }
    }

    /// The connection speaks HTTP/2.
    pub fn multiplexed(&self) {
        self.enter(Phase::IdleMultiplexed);
    }

    /// The head of a request is complete.
    pub fn exchange_opened(&self) {
        self.exchanges.set(self.exchanges.get() + 1);
        match self.phase.get() {
            Phase::IdleMultiplexed | Phase::Busy => {}
            Phase::Idle | Phase::Head => self.phase.set(Phase::Busy),
        }
    }

    /// An answer is complete, or was given up.
    pub fn exchange_closed(&self) {
        let open = self.exchanges.get().saturating_sub(1);
        self.exchanges.set(open);
        match self.phase.get() {
            Phase::IdleMultiplexed if open == 0 => self.since.begin(),
            Phase::Busy if open == 0 => self.enter(Phase::Idle),
            _ => {}
        }
    }

    /// The client of the current request may be stuck for so long.
    pub fn limit_write(&self, limit: Duration) {
        self.write_limit.set(limit);
    }

    /// Bytes of an answer are on their way, and it is the client's turn to take them.
    pub fn answer_offered(&self) {
        self.untaken.set(self.untaken.get() + 1);
        self.untaken_since.begin();
    }

    /// The client has taken what was offered, or the answer is over.
    pub fn answer_taken(&self) {
        self.untaken.set(self.untaken.get().saturating_sub(1));
        self.untaken_since.begin();
    }

    /// Since it takes nothing of what is ready for it, the client has until then. A blocked socket shows it
    /// in HTTP/1; an HTTP/2 client can let the socket run and give its streams no window.
    pub fn write_deadline(&self) -> Option<Instant> {
        self.note_time();
        let stuck = self.is_write_stuck.get().then(|| self.write_stuck_since.get());
        let untaken = (self.untaken.get() > 0).then(|| self.untaken_since.get());
        let since = [stuck, untaken].into_iter().flatten().flatten().min()?;
        Some(since + self.write_limit.get())
    }

    /// When the client has been too slow; `None` while nothing is asked of it.
    pub fn deadline(&self, limits: &ClientLimits) -> Option<Instant> {
        self.note_time();
        let idle = self.since.get().and_then(|since| match self.phase.get() {
            Phase::Head => Some(since + limits.head),
            Phase::Idle => Some(since + limits.keep_alive),
            Phase::IdleMultiplexed if self.exchanges.get() == 0 => Some(since + limits.keep_alive),
            Phase::IdleMultiplexed | Phase::Busy => None,
        });
        idle.into_iter().chain(self.write_deadline()).min()
    }

    /// Gives what began since the last time, and is still going on, its time.
    fn note_time(&self) {
        let is_waited_for = self.phase.get() != Phase::Busy && self.exchanges.get() == 0;
        let of_phase = is_waited_for.then_some(&self.since);
        let stuck = self.is_write_stuck.get().then_some(&self.write_stuck_since);
        let untaken = (self.untaken.get() > 0).then_some(&self.untaken_since);
        let mut untimed = [of_phase, stuck, untaken].into_iter().flatten().filter(|it| it.get().is_none());
        let Some(first) = untimed.next() else { return };
        let now = Instant::now();
        first.0.set(Some(now));
        untimed.for_each(|other| other.0.set(Some(now)));
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.begin();
    }

    fn bytes_arrived(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn write_attempted(&self, is_stuck: bool) {
        if is_stuck && !self.is_write_stuck.get() {
            self.write_stuck_since.begin();
        }
        self.is_write_stuck.set(is_stuck);
    }
}

impl Since {
    fn begin(&self) {
        self.0.set(None);
    }

    fn get(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// One system call; what does not fit into `buf` is kept in `ahead`.
fn read_ahead(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    ahead: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    let mut lent = lent_buffer::lend();
    let mut arrived = ReadBuf::new(&mut lent);
    ready!(Pin::new(tcp).poll_read(cx, &mut arrived))?;
    let arrived = arrived.filled();
    let (now, later) = arrived.split_at(arrived.len().min(buf.remaining()));
    buf.put_slice(now);
    ahead.extend_from_slice(later);
    Poll::Ready(Ok(()))
}

/// Every TLS connection begins with a handshake record (type 22), every HTTP request with a letter. To be
/// seen here, before rustls answers with an alert that no HTTP client could read.
fn check_opening(first_bytes: &[u8]) -> io::Result<()> {
    match first_bytes.first() {
        Some(byte) if byte.is_ascii_alphabetic() => Err(io::Error::new(io::ErrorKind::InvalidData, SpokePlainHttp)),
        _ => Ok(()),
    }
}

/// Hands out what was read ahead, and its memory back when that is done.
fn take_ahead(ahead: &mut Vec<u8>, taken: &mut usize, buf: &mut ReadBuf<'_>) {
    let rest = &ahead[*taken..];
    let count = rest.len().min(buf.remaining());
    buf.put_slice(&rest[..count]);
    *taken += count;
    if *taken == ahead.len() {
        (*ahead, *taken) = (Vec::new(), 0);
    }
}

/// Until a route says otherwise; what nginx has as `send_timeout`.
const DEFAULT_WRITE_LIMIT: Duration = Duration::from_secs(60);

/// How long a closed connection may still send into the void. nginx's `lingering_timeout` is 5 s; a
/// client that reads its answer at all does so well within this.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ClientLimits =
        ClientLimits { head: Duration::from_secs(30), keep_alive: Duration::from_secs(65) };

    #[tokio::test(start_paused = true)]
    async fn idle_head_and_busy_have_their_own_deadlines() {
        let start = Instant::now();
        let left = |activity: &Activity| activity.deadline(&LIMITS).map(|at| (at - start).as_secs());
        let activity = Activity::one_by_one();
        assert_eq!(left(&activity), Some(30));
        activity.exchange_opened();
        assert_eq!(left(&activity), None);
        activity.write_attempted(true);
        assert_eq!(left(&activity), Some(60));
        activity.write_attempted(false);
        activity.exchange_closed();
        assert_eq!(left(&activity), Some(65));
        tokio::time::advance(Duration::from_secs(60)).await;
        activity.bytes_arrived();
        assert_eq!(left(&activity), Some(90));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_frames_do_not_count_as_heads() {
        let activity = Activity::one_by_one();
        activity.multiplexed();
        activity.bytes_arrived();
        assert_eq!(activity.deadline(&LIMITS), Some(Instant::now() + LIMITS.keep_alive));
        activity.exchange_opened();
        assert_eq!(activity.deadline(&LIMITS), None);
    }
}
