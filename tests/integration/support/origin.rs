//! The application behind the proxy: a listener whose every connection follows a script.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

mod connection;
mod listener;
mod responses;

pub use connection::{OriginConnection, Request};
pub use listener::Upstream;
pub use responses::{ok, responds, response_bytes, switching_protocols, upgrades_and_echoes};

use super::message::Head;
use super::socket::Duplex;
use listener::OriginListener;

/// What an application does with a connection. An I/O error ends the connection quietly, because
/// peers may go away; a panic fails the test.
pub trait Script: Fn(&mut OriginConnection) -> io::Result<()> + Send + Sync + 'static {}

impl<F: Fn(&mut OriginConnection) -> io::Result<()> + Send + Sync + 'static> Script for F {}

/// A running application. Dropping it ends its connections, and fails the test if a script panicked.
pub struct Origin {
    upstream: Upstream,
    state: Arc<OriginState>,
    acceptor: Option<JoinHandle<()>>,
    /// Goes away with the origin, and the socket file in it.
    directory: Option<TempDir>,
}

/// What the application has seen.
#[derive(Default)]
struct OriginState {
    accepted: AtomicUsize,
    open: AtomicUsize,
    closing: AtomicBool,
    heads: Mutex<Vec<Head>>,
    requests: Mutex<Vec<Request>>,
    captures: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    sockets: Mutex<Vec<Weak<dyn Duplex>>>,
}

impl Origin {
    /// Listens on a loopback port.
    pub fn tcp(script: impl Script) -> Origin {
        Origin::listening(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), script)
    }

    /// Takes over a listener.
    pub fn listening(listener: TcpListener, script: impl Script) -> Origin {
        Origin::start(OriginListener::Tcp(listener), script)
    }

    /// Listens on a socket file.
    pub fn unix(script: impl Script) -> Origin {
        let directory = TempDir::new().unwrap();
        let mut origin = Origin::unix_at(&directory.path().join("socket"), script);
        origin.directory = Some(directory);
        origin
    }

    /// Listens on a new socket file at `path`, in place of one that may be there.
    pub fn unix_at(path: &Path, script: impl Script) -> Origin {
        // There is none, most of the time.
        let _ = std::fs::remove_file(path);
        Origin::start(OriginListener::Unix(UnixListener::bind(path).unwrap()), script)
    }

    fn start(listener: OriginListener, script: impl Script) -> Origin {
        let state = Arc::new(OriginState::default());
        let upstream = listener.upstream();
        let shared = Arc::clone(&state);
        let acceptor = thread::spawn(move || accept_all(&listener, &shared, &Arc::new(script)));
        Origin { upstream, state, acceptor: Some(acceptor), directory: None }
    }

    /// The address as the configuration writes it.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// How many connections were accepted in total.
    pub fn connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// How many connections have a script that still runs.
    pub fn open_connections(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// Every request head that arrived, also of requests that never became complete.
    pub fn heads(&self) -> Vec<Head> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Every complete request, in the order they became complete.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The request that must be the only complete one.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests: {requests:#?}");
        requests.remove(0)
    }

    /// What arrived on each connection, byte for byte.
    pub fn captures(&self) -> Vec<Vec<u8>> {
        self.state.captures.lock().unwrap().iter().map(|it| it.lock().unwrap().clone()).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        self.upstream.unblock_accept();
        for socket in self.state.sockets.lock().unwrap().iter().filter_map(Weak::upgrade) {
            socket.shut_down();
        }
        let Some(acceptor) = self.acceptor.take() else { return };
        if let Err(panic) = acceptor.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Serves connections until the origin closes; then waits for their threads and passes a panic on.
fn accept_all(listener: &OriginListener, state: &Arc<OriginState>, script: &Arc<impl Script>) {
    let mut threads = Vec::new();
    while let Ok(socket) = listener.accept() {
        if state.closing.load(Ordering::SeqCst) {
            break;
        }
        let mut connection = state.register(socket);
        let (state, script) = (Arc::clone(state), Arc::clone(script));
        threads.push(thread::spawn(move || {
            let _guard = OpenConnectionGuard(state);
            // The peer may have gone; what that means is for the test to say.
            let _ = script(&mut connection);
        }));
    }
    for connection in threads {
        if let Err(panic) = connection.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Counts a connection as open while its script runs, also if it panics.
struct OpenConnectionGuard(Arc<OriginState>);

impl Drop for OpenConnectionGuard {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl OriginState {
    fn register(self: &Arc<OriginState>, socket: Arc<dyn Duplex>) -> OriginConnection {
        self.open.fetch_add(1, Ordering::SeqCst);
        let number = self.accepted.fetch_add(1, Ordering::SeqCst);
        self.sockets.lock().unwrap().push(Arc::downgrade(&socket));
        if self.closing.load(Ordering::SeqCst) {
            socket.shut_down();
        }
        let connection = OriginConnection::new(socket, number, Arc::clone(self));
        self.captures.lock().unwrap().push(connection.wire.capture());
        connection
    }
}
