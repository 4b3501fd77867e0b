//! Starts and stops the two demo HTTP servers.
//!
//! Both run on one thread. The demo GitLab listens on a unix socket and the demo Mattermost on TCP, as GitLab and
//! Mattermost do, so that a demo has both kinds of upstream.

use std::convert::Infallible;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fs, io, net};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::chat::ChatApp;
use super::echo;
use super::response::DemoResponse;

/// Addresses of the demo applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAddresses {
    pub gitlab_socket: PathBuf,
    pub mattermost: SocketAddr,
}

/// Running demo applications; stopped when dropped. The drop closes their connections, waits for the thread and
/// removes the unix socket.
#[derive(Debug)]
pub struct DemoServers {
    addresses: DemoAddresses,
    /// The sender whose drop stops the thread, and the thread. `Some` until the drop.
    running: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

/// Bound sockets of the demo applications.
struct DemoSockets {
    gitlab: UnixListener,
    mattermost: net::TcpListener,
}

/// Starts both demo applications. They serve until the returned value is dropped.
///
/// The unix socket is created in `directory`, which must exist and should not be shared with another demo.
///
/// # Errors
/// If a socket cannot be bound or the thread cannot be started. The message names the socket.
pub fn start_servers(directory: &Path) -> io::Result<DemoServers> {
    let gitlab_socket = directory.join("gitlab.socket");
    let (sockets, mattermost) = DemoSockets::bind(&gitlab_socket)?;
    let addresses = DemoAddresses { gitlab_socket, mattermost };
    let (stop, stopped) = oneshot::channel();
    let (report, started) = mpsc::channel();
    let thread = thread::Builder::new().name("demo-apps".into()).spawn(move || run(sockets, stopped, &report))?;
    // From here on the drop cleans up, also if the thread reports an error.
    let servers = DemoServers { addresses, running: Some((stop, thread)) };
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the server thread ended before it could serve")))?;
    Ok(servers)
}

impl DemoServers {
    /// Returns the addresses of the demo applications.
    pub fn addresses(&self) -> &DemoAddresses {
        &self.addresses
    }
}

impl Drop for DemoServers {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // An error is a panic of the thread, which has been printed already.
            let _ = thread.join();
        }
        // The owner of the directory removes it, so a remaining socket is harmless.
        let _ = fs::remove_file(&self.addresses.gitlab_socket);
    }
}

impl DemoSockets {
    fn bind(gitlab_socket: &Path) -> io::Result<(DemoSockets, SocketAddr)> {
        let gitlab = UnixListener::bind(gitlab_socket)
            .map_err(|error| cannot_listen("GitLab", gitlab_socket.display(), &error))?;
        gitlab.set_nonblocking(true)?;
        let mattermost = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|error| cannot_listen("Mattermost", "127.0.0.1", &error))?;
        mattermost.set_nonblocking(true)?;
        let address = mattermost.local_addr()?;
        Ok((DemoSockets { gitlab, mattermost }, address))
    }
}

/// Main function of the thread: reports through `report` whether it can serve, then serves until `stopped`.
fn run(sockets: DemoSockets, stopped: oneshot::Receiver<Infallible>, report: &mpsc::Sender<io::Result<()>>) {
    if let Err(error) = serve_both(sockets, stopped, report) {
        // Fails only if the receiver has been dropped.
        let _ = report.send(Err(error));
    }
}

fn serve_both(
    sockets: DemoSockets,
    stopped: oneshot::Receiver<Infallible>,
    report: &mpsc::Sender<io::Result<()>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let gitlab = tokio::net::UnixListener::from_std(sockets.gitlab)?;
        let mattermost = tokio::net::TcpListener::from_std(sockets.mattermost)?;
        let _ = report.send(Ok(()));
        let chat = ChatApp::new();
        tokio::select! {
            _ = stopped => {}
            () = serve(async || Ok(gitlab.accept().await?.0), echo::respond) => {}
            () = serve(async || accept_tcp(&mattermost).await, move |request| chat.clone().respond(request)) => {}
        }
        Ok(())
    })
}

/// Accepts a connection and disables Nagle's algorithm, because the chat sends small messages.
async fn accept_tcp(listener: &tokio::net::TcpListener) -> io::Result<tokio::net::TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Fails if the peer has disconnected, which the first read reports.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Accepts connections without end. Each connection is a task of the runtime and ends with it.
async fn serve<S, A, F>(accept: impl AsyncFn() -> io::Result<S>, respond: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = DemoResponse> + Send + 'static,
{
    loop {
        match accept().await {
            Ok(stream) => drop(tokio::spawn(serve_connection(stream, respond.clone()))),
            // Usually no descriptors are left. A pause lets connections close; an immediate retry would spin.
            Err(error) => {
                tracing::warn!(%error, "demo application: cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn serve_connection<S, A, F>(stream: S, respond: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = DemoResponse> + Send + 'static,
{
    let service = service_fn(|request| {
        let response = respond(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "demo application: connection aborted");
    }
}

fn cannot_listen(application: &str, address: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("demo {application} cannot listen on {address}: {error}"))
}

/// Idle timeout of a connection. It is longer than the idle timeout of the proxy, so that the proxy closes first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Pause after a failed accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
