//! Connection data that is visible to request handlers.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::peer::Peer;
use super::stream::DownstreamStream;
use super::timeouts::ConnectionActivity;
use crate::model::TlsId;
use crate::model::host::HostName;
use crate::tls::server::client_certificate::ClientCertificateInfo;
use crate::tls::server::session_info::TlsSessionInfo;

/// Peer, listener, TLS parameters and request count of a client connection.
pub struct DownstreamConnection {
    pub peer: Peer,
    /// The local address of the socket (`$server_addr`); `None` unless a template or log format uses it.
    pub local: Option<IpAddr>,
    /// Index of the listener in the model.
    pub listener: usize,
    pub security: DownstreamSecurity,
    id: OnceCell<u64>,
    requests: Cell<u64>,
    activity: Rc<ConnectionActivity>,
    on_upgrade: RefCell<Option<OnUpgrade>>,
}

/// Plain, or TLS with SNI name, session and client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownstreamSecurity {
    Plain,
    Tls {
        /// The SNI host name; `None` if the client sent none, or none that is a host name.
        server_name: Option<HostName>,
        session: Option<TlsSessionInfo>,
        /// The TLS settings of the host that the SNI name selected.
        settings: TlsId,
        /// Boxed, because few clients present one.
        client: Option<Box<ClientCertificateInfo>>,
    },
}

/// Marks an exchange as in flight until dropped. The keep-alive timeout does not run meanwhile.
pub struct ActiveExchange(Rc<ConnectionActivity>);

/// Callback that receives the stream after a 101 response, and the bytes already read from it.
pub type OnUpgrade = Box<dyn FnOnce(DownstreamStream, Bytes)>;

impl DownstreamConnection {
    pub(super) fn new(
        peer: Peer,
        local: Option<IpAddr>,
        listener: usize,
        security: DownstreamSecurity,
        activity: Rc<ConnectionActivity>,
    ) -> DownstreamConnection {
        let (id, requests, on_upgrade) = Default::default();
        DownstreamConnection { peer, local, listener, security, id, requests, activity, on_upgrade }
    }

    pub(super) fn activity(&self) -> &Rc<ConnectionActivity> {
        &self.activity
    }

    /// Removes and returns the callback for the stream.
    pub(super) fn take_on_upgrade(&self) -> Option<OnUpgrade> {
        self.on_upgrade.borrow_mut().take()
    }

    /// Counts a request and marks its exchange as in flight until the result is dropped.
    pub fn open_exchange(&self) -> ActiveExchange {
        self.requests.set(self.requests.get() + 1);
        self.activity.request_started();
        ActiveExchange(self.activity.clone())
    }

    /// Returns the number of requests on this connection, including the current one (`$connection_requests`).
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Returns the connection number (`$connection`), unique in this process. It is assigned on first use.
    pub fn id(&self) -> u64 {
        *self.id.get_or_init(|| NEXT_ID.fetch_add(1, Ordering::Relaxed))
    }

    /// Sets the client write timeout of the current request.
    pub fn set_write_timeout(&self, timeout: Duration) {
        self.activity.set_write_timeout(timeout);
    }

    /// Registers the callback for the stream after the current response, a 101, has been written. HTTP/1 only.
    pub fn on_upgrade(&self, callback: OnUpgrade) {
        *self.on_upgrade.borrow_mut() = Some(callback);
    }
}

impl ActiveExchange {
    /// Starts the client write timeout: response bytes wait for the client.
    pub fn response_pending(&self) {
        self.0.response_pending();
    }

    /// Stops the client write timeout: the client has read the bytes, or the response is complete.
    pub fn response_consumed(&self) {
        self.0.response_consumed();
    }
}

impl Drop for ActiveExchange {
    fn drop(&mut self) {
        self.0.response_finished();
    }
}

/// Shared by all workers; incremented only for connections whose number a template or log format uses.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
