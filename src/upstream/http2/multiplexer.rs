//! HTTP/2 connections shared by concurrent requests.
//!
//! A connection has a task of its own, unlike an HTTP/1.1 connection, because its requests are independent of each
//! other. A second connection is opened only when no open connection has capacity for another stream.

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

/// The HTTP/2 connections of one worker to one upstream.
pub(in crate::upstream) struct Http2ConnectionSet {
    connections: RefCell<Vec<Rc<Http2ClientConnection>>>,
    /// Held while a connection is opened, so that a burst of requests shares one connection.
    opening: Mutex<()>,
    idle_timeout: Duration,
}

/// Reserves one stream until dropped.
pub(in crate::upstream) struct StreamPermit(Rc<Http2ClientConnection>);

/// One HTTP/2 connection.
struct Http2ClientConnection {
    sender: http2::SendRequest<LimitedBody>,
    /// `None` once the connection accepts no more requests; its running streams may continue.
    driver: Rc<RefCell<Option<Http2Driver>>>,
    streams: Cell<usize>,
    /// When the last stream ended.
    idle_since: Cell<Instant>,
}

/// hyper's connection future.
type Http2Driver = http2::Connection<TokioIo<UpstreamStream>, LimitedBody, LocalExecutor>;

impl Http2ConnectionSet {
    pub(in crate::upstream) fn new(idle_timeout: Duration) -> Http2ConnectionSet {
        Http2ConnectionSet { connections: RefCell::default(), opening: Mutex::default(), idle_timeout }
    }

    /// Reserves a stream on an open connection, or opens one.
    pub(in crate::upstream) async fn reserve_stream(
        &self,
        connector: &Connector,
    ) -> Result<StreamPermit, UpstreamError> {
        if let Some(permit) = self.reserve_on_open() {
            return Ok(permit);
        }
        // `connect_timeout` also limits the time that a request waits for a connection that another request opens.
        let opening = async {
            let _guard = self.opening.lock().await;
            match self.reserve_on_open() {
                Some(permit) => Ok(permit),
                None => self.open(connector).await,
            }
        };
        timeout(connector.timeout(), opening).await.unwrap_or(Err(UpstreamError::ConnectTimeout))
    }

    /// Removes closed connections, and closes idle connections past their timeout.
    pub(in crate::upstream) fn close_expired(&self) {
        self.connections
            .borrow_mut()
            .retain(|connection| !connection.is_closed() && !connection.is_idle_for(self.idle_timeout));
    }

    fn reserve_on_open(&self) -> Option<StreamPermit> {
        self.connections.borrow().iter().find(|connection| connection.has_capacity()).map(StreamPermit::new)
    }

    async fn open(&self, connector: &Connector) -> Result<StreamPermit, UpstreamError> {
        let connection =
            Rc::new(Http2ClientConnection::open(connector.connect().await?).await.map_err(connection_error)?);
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| !connection.is_closed());
        connections.push(connection.clone());
        Ok(StreamPermit::new(&connection))
    }
}

impl StreamPermit {
    fn new(connection: &Rc<Http2ClientConnection>) -> StreamPermit {
        connection.streams.set(connection.streams.get() + 1);
        StreamPermit(connection.clone())
    }

    pub(in crate::upstream) fn sender(&self) -> http2::SendRequest<LimitedBody> {
        self.0.sender.clone()
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}

impl Http2ClientConnection {
    async fn open(stream: UpstreamStream) -> hyper::Result<Http2ClientConnection> {
        let (sender, driver) = http2::Builder::new(LocalExecutor)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_SIZE)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = Rc::new(RefCell::new(Some(driver)));
        TaskTracker::spawn_detached(drive(driver.clone()));
        Ok(Http2ClientConnection { sender, driver, streams: Cell::new(0), idle_since: Cell::new(Instant::now()) })
    }

    fn is_closed(&self) -> bool {
        self.driver.borrow().is_none()
    }

    /// Returns whether another stream can start, by the upstream's `SETTINGS_MAX_CONCURRENT_STREAMS` and by
    /// [`MAX_STREAMS`].
    fn has_capacity(&self) -> bool {
        let allowed = self.driver.borrow().as_ref().map_or(0, Http2Driver::current_max_send_streams);
        self.streams.get() < allowed.min(MAX_STREAMS as usize)
    }

    fn is_idle_for(&self, time: Duration) -> bool {
        self.streams.get() == 0 && self.idle_since.get().elapsed() >= time
    }
}

/// Drives a connection until it accepts no more requests: the upstream sent `GOAWAY` or closed it, or the
/// connection set dropped it.
async fn drive(driver: Rc<RefCell<Option<Http2Driver>>>) {
    let ended = poll_fn(|cx| match driver.borrow_mut().as_mut() {
        Some(driver) => Pin::new(driver).poll(cx),
        None => Poll::Ready(Ok(())),
    })
    .await;
    // Dropping the driver returns the requests that wait in it unsent.
    drop(driver.take());
    if let Err(error) = ended {
        tracing::debug!(%error, "upstream HTTP/2 connection: failed");
    }
}

fn connection_error(error: hyper::Error) -> UpstreamError {
    UpstreamError::Connection(UpstreamConnectionError::Http2(error))
}

/// Receive window of a stream in bytes: the most that is buffered for a client that does not read.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Maximum number of concurrent streams on a connection. The connection window is the sum of the stream windows, so
/// clients that do not read cannot block the other streams.
const MAX_STREAMS: u32 = 100;

/// Maximum size of a response head in bytes (`SETTINGS_MAX_HEADER_LIST_SIZE`), the same as for HTTP/1.
const MAX_HEADER_LIST_SIZE: u32 = MAX_HEAD as u32;
