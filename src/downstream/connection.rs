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

/// What requests may know about the connection they came on.
pub struct DownstreamConnection {
    pub peer: Peer,
    /// The address of ours that was connected to, where a template asks for it.
    pub local: Option<IpAddr>,
    /// The position of the listener in the model.
    pub listener: usize,
    pub security: DownstreamSecurity,
    number: OnceCell<u64>,
    requests: Cell<u64>,
    activity: Rc<ConnectionActivity>,
    takeover: RefCell<Option<OnUpgrade>>,
}

/// Whether the connection is encrypted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownstreamSecurity {
    Plain,
    Tls {
        /// The name the client asked a certificate for.
        server_name: Option<HostName>,
        session: Option<TlsSessionInfo>,
        /// The terms of the host of that name.
        terms: TlsId,
        /// Boxed, because few clients have one.
        client: Option<Box<ClientCertificateInfo>>,
    },
}

/// An exchange of a connection that is under way. Keeps the connection's idle limit away.
pub struct ActiveExchange(Rc<ConnectionActivity>);

/// What continues with the socket after HTTP: the stream, and bytes that were read from it already.
pub type OnUpgrade = Box<dyn FnOnce(DownstreamStream, Bytes)>;

impl DownstreamConnection {
    pub(super) fn new(
        peer: Peer,
        local: Option<IpAddr>,
        listener: usize,
        security: DownstreamSecurity,
        activity: Rc<ConnectionActivity>,
    ) -> DownstreamConnection {
        let (number, requests, takeover) = Default::default();
        DownstreamConnection { peer, local, listener, security, number, requests, activity, takeover }
    }

    pub(super) fn activity(&self) -> &Rc<ConnectionActivity> {
        &self.activity
    }

    pub(super) fn takeover(&self) -> Option<OnUpgrade> {
        self.takeover.borrow_mut().take()
    }

    /// Marks an exchange as open for as long as the result lives.
    pub fn open_exchange(&self) -> ActiveExchange {
        self.requests.set(self.requests.get() + 1);
        self.activity.request_started();
        ActiveExchange(self.activity.clone())
    }

    /// How many requests have come on it, the current one included.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// A number that no other connection of this process has. Given out when it is first asked for.
    pub fn id(&self) -> u64 {
        *self.number.get_or_init(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// How long the client may leave an answer untaken, from here on.
    pub fn set_write_timeout(&self, limit: Duration) {
        self.activity.limit_write(limit);
    }

    /// Asks for the socket once the answer under way, a 101, has been written. Only for HTTP/1.
    pub fn on_upgrade(&self, takeover: OnUpgrade) {
        *self.takeover.borrow_mut() = Some(takeover);
    }
}

impl ActiveExchange {
    /// See [`ConnectionActivity::answer_offered`].
    pub fn response_pending(&self) {
        self.0.response_pending();
    }

    /// See [`ConnectionActivity::answer_taken`].
    pub fn response_consumed(&self) {
        self.0.response_consumed();
    }
}

impl Drop for ActiveExchange {
    fn drop(&mut self) {
        self.0.response_finished();
    }
}

/// Shared by all workers, and touched only for connections whose number somebody wants to see.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);
