//! Connection data that is visible to request handlers.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::peer::Peer;
use super::stream::ClientStream;
use super::timeouts::Activity;
use crate::model::TlsId;
use crate::model::host::HostName;
use crate::tls::server::client_certificate::ClientCertificate;
use crate::tls::server::session_info::TlsSession;

/// What requests may know about the connection they came on.
pub struct ClientConnection {
    pub peer: Peer,
    /// The address of ours that was connected to, where a template asks for it.
    pub local: Option<IpAddr>,
    /// The position of the listener in the model.
    pub listener: usize,
    pub security: ConnectionSecurity,
    number: OnceCell<u64>,
    requests: Cell<u64>,
    activity: Rc<Activity>,
    takeover: RefCell<Option<Takeover>>,
}

/// Whether the connection is encrypted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionSecurity {
    Plain,
    Tls {
        /// The name the client asked a certificate for.
        server_name: Option<HostName>,
        session: Option<TlsSession>,
        /// The terms of the host of that name.
        terms: TlsId,
        /// Boxed, because few clients have one.
        client: Option<Box<ClientCertificate>>,
    },
}

/// An exchange of a connection that is under way. Keeps the connection's idle limit away.
pub struct OpenExchange(Rc<Activity>);

/// What continues with the socket after HTTP: the stream, and bytes that were read from it already.
pub type Takeover = Box<dyn FnOnce(ClientStream, Bytes)>;

impl ClientConnection {
    pub(super) fn new(
        peer: Peer,
        local: Option<IpAddr>,
        listener: usize,
        security: ConnectionSecurity,
        activity: Rc<Activity>,
    ) -> ClientConnection {
        let (number, requests, takeover) = Default::default();
        ClientConnection { peer, local, listener, security, number, requests, activity, takeover }
    }

    pub(super) fn activity(&self) -> &Rc<Activity> {
        &self.activity
    }

    pub(super) fn takeover(&self) -> Option<Takeover> {
        self.takeover.borrow_mut().take()
    }

    /// Marks an exchange as open for as long as the result lives.
    pub fn open_exchange(&self) -> OpenExchange {
        self.requests.set(self.requests.get() + 1);
        self.activity.exchange_opened();
        OpenExchange(self.activity.clone())
    }

    /// How many requests have come on it, the current one included.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// A number that no other connection of this process has. Given out when it is first asked for.
    pub fn number(&self) -> u64 {
        *self.number.get_or_init(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// How long the client may leave an answer untaken, from here on.
    pub fn limit_write(&self, limit: Duration) {
        self.activity.limit_write(limit);
    }

    /// Asks for the socket once the answer under way, a 101, has been written. Only for HTTP/1.
    pub fn take_over(&self, takeover: Takeover) {
        *self.takeover.borrow_mut() = Some(takeover);
    }
}

impl OpenExchange {
    /// See [`Activity::answer_offered`].
    pub fn answer_offered(&self) {
        self.0.answer_offered();
    }

    /// See [`Activity::answer_taken`].
    pub fn answer_taken(&self) {
        self.0.answer_taken();
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.0.exchange_closed();
    }
}

/// Shared by all workers, and touched only for connections whose number somebody wants to see.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);
