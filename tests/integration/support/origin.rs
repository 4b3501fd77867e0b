//! Scripted upstream: a listener that runs a script for every connection.

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

/// The behaviour of an upstream on one connection. An I/O error ends the connection without failing the test,
/// because peers may disconnect; a panic fails the test.
pub trait Script: Fn(&mut OriginConnection) -> io::Result<()> + Send + Sync + 'static {}

impl<F: Fn(&mut OriginConnection) -> io::Result<()> + Send + Sync + 'static> Script for F {}

/// A running upstream. Dropping it closes its connections, and fails the test if a script panicked.
pub struct Origin {
    upstream: Upstream,
    state: Arc<OriginState>,
    acceptor: Option<JoinHandle<()>>,
    /// Temporary directory of the socket file; removed with the origin.
    directory: Option<TempDir>,
}

/// Received requests and connection counts.
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

    /// Accepts connections from an existing listener.
    pub fn listening(listener: TcpListener, script: impl Script) -> Origin {
        Origin::start(OriginListener::Tcp(listener), script)
    }

    /// Listens on a unix socket.
    pub fn unix(script: impl Script) -> Origin {
        let directory = TempDir::new().unwrap();
        let mut origin = Origin::unix_at(&directory.path().join("socket"), script);
        origin.directory = Some(directory);
        origin
    }

    /// Listens on a new socket file at `path`, replacing an existing file.
    pub fn unix_at(path: &Path, script: impl Script) -> Origin {
        // Fails if the file does not exist, which is the usual case.
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

    /// Returns the address; its `Display` is the value of `upstream` in the configuration.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Returns the number of connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of connections with a running script.
    pub fn open_connections(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// Returns all received request heads, including those of incomplete requests.
    pub fn heads(&self) -> Vec<Head> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Returns all complete requests, in order of completion.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Returns the only complete request; fails if there is another number of requests.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests: {requests:#?}");
        requests.remove(0)
    }

    /// Returns the bytes received on each connection.
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

/// Serves connections until the origin is dropped, then joins their threads and propagates a panic.
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
            // The peer may have disconnected; the test decides whether that is a failure.
            let _ = script(&mut connection);
        }));
    }
    for connection in threads {
        if let Err(panic) = connection.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Decrements the number of open connections when a script ends, also on panic.
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
