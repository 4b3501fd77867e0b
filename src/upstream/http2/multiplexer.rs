//! HTTP/2 connections to an application: few, each for many requests at once.
//!
//! Unlike an HTTP/1.1 connection such a one has tasks of its own, because the requests on it go on
//! independently of each other. There is a second connection only when the first has no room.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::drain::TaskTracker;
use crate::http1::fields::MAX_HEAD;
use crate::net::local_executor::LocalExecutor;
use crate::upstream::connector::{Connector, UpstreamStream};
use crate::upstream::error::{UpstreamConnectionError, UpstreamError};
use crate::upstream::request_body::LimitedBody;

/// One worker's HTTP/2 connections to one application.
pub(in crate::upstream) struct Http2ConnectionSet {
    lines: RefCell<Vec<Rc<Http2ClientConnection>>>,
    /// Held while a connection is opened, so that a burst of requests shares one.
    opening: Mutex<()>,
    idle_timeout: Duration,
}

/// Room for one request on a connection, until this is dropped.
pub(in crate::upstream) struct StreamPermit(Rc<Http2ClientConnection>);

/// One connection.
struct Http2ClientConnection {
    sender: http2::SendRequest<LimitedBody>,
    /// Gone once the connection takes no more requests; those that it has may still be going on.
    driver: Rc<RefCell<Option<Http2Driver>>>,
    streams: Cell<usize>,
    /// When its last stream ended.
    resting_since: Cell<Instant>,
}

type Http2Driver = http2::Connection<TokioIo<UpstreamStream>, LimitedBody, LocalExecutor>;

impl Http2ConnectionSet {
    pub(in crate::upstream) fn new(idle_timeout: Duration) -> Http2ConnectionSet {
        Http2ConnectionSet { lines: RefCell::default(), opening: Mutex::default(), idle_timeout }
    }

    /// Room on an open connection, or else on a new one.
    pub(in crate::upstream) async fn reserve_stream(
        &self,
        dialer: &Connector,
    ) -> Result<StreamPermit, UpstreamError> {
        if let Some(claim) = self.claim_open() {
            return Ok(claim);
        }
        // Those who wait for another's attempt wait no longer than they would for their own.
        let opening = async {
            let _turn = self.opening.lock().await;
            match self.claim_open() {
                Some(claim) => Ok(claim),
                None => self.open(dialer).await,
            }
        };
        timeout(dialer.timeout(), opening).await.unwrap_or(Err(UpstreamError::ConnectTimeout))
    }

    /// Closes connections that have ended, or have rested long enough.
    pub(in crate::upstream) fn prune(&self) {
        self.lines.borrow_mut().retain(|line| !line.is_closed() && !line.is_idle_for(self.idle_timeout));
    }

    fn claim_open(&self) -> Option<StreamPermit> {
        self.lines.borrow().iter().find(|line| line.has_capacity()).map(StreamPermit::new)
    }

    async fn open(&self, dialer: &Connector) -> Result<StreamPermit, UpstreamError> {
        let line = Rc::new(Http2ClientConnection::open(dialer.connect().await?).await.map_err(broken)?);
        let mut lines = self.lines.borrow_mut();
        lines.retain(|line| !line.is_closed());
        lines.push(line.clone());
        Ok(StreamPermit::new(&line))
    }
}

impl StreamPermit {
    fn new(line: &Rc<Http2ClientConnection>) -> StreamPermit {
        line.streams.set(line.streams.get() + 1);
        StreamPermit(line.clone())
    }

    pub(in crate::upstream) fn sender(&self) -> http2::SendRequest<LimitedBody> {
        self.0.sender.clone()
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.resting_since.set(Instant::now());
    }
}

impl Http2ClientConnection {
    async fn open(stream: UpstreamStream) -> hyper::Result<Http2ClientConnection> {
        let (sender, driver) = http2::Builder::new(LocalExecutor)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_LIST)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = Rc::new(RefCell::new(Some(driver)));
        TaskTracker::spawn_detached(drive(driver.clone()));
        Ok(Http2ClientConnection {
            sender,
            driver,
            streams: Cell::new(0),
            resting_since: Cell::new(Instant::now()),
        })
    }

    fn is_closed(&self) -> bool {
        self.driver.borrow().is_none()
    }

    /// Whether another stream can begin at once, as far as the application has told.
    fn has_capacity(&self) -> bool {
        let allowed = self.driver.borrow().as_ref().map_or(0, Http2Driver::current_max_send_streams);
        self.streams.get() < allowed.min(MAX_STREAMS as usize)
    }

    fn is_idle_for(&self, time: Duration) -> bool {
        self.streams.get() == 0 && self.resting_since.get().elapsed() >= time
    }
}

/// Hands requests to a connection until it takes no more: by the application's will, or because its line has
/// been dropped here.
async fn drive(driver: Rc<RefCell<Option<Http2Driver>>>) {
    let ended = poll_fn(|cx| match driver.borrow_mut().as_mut() {
        Some(driver) => Pin::new(driver).poll(cx),
        None => Poll::Ready(Ok(())),
    })
    .await;
    // Requests that wait in it are given back.
    drop(driver.take());
    if let Err(error) = ended {
        tracing::debug!("an HTTP/2 connection to an application broke: {error}");
    }
}

fn broken(error: hyper::Error) -> UpstreamError {
    UpstreamError::Connection(UpstreamConnectionError::Stream(error))
}

/// What a stream may have under way to a client that does not read.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Streams on one connection. Its window has room for the windows of all of them, so clients that do not
/// read cannot hold up the others.
const MAX_STREAMS: u32 = 100;

const MAX_HEAD_LIST: u32 = MAX_HEAD as u32;
