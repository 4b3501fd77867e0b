//! Starts and stops the two stand-in applications: one thread, two listening sockets.
//!
//! GitLab's stand-in listens on a unix socket and Mattermost's on TCP, as the real ones do, so both
//! kinds of upstream take part in a demonstration.

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

/// Where the two applications listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAddresses {
    pub gitlab_socket: PathBuf,
    pub mattermost: SocketAddr,
}

/// The applications while they serve. Dropping this cuts their connections, waits for the thread and
/// removes the unix socket.
#[derive(Debug)]
pub struct DemoServers {
    applications: DemoAddresses,
    /// Both are there until the drop takes them: the sender to say "stop", the thread to wait for.
    running: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

/// Both listening sockets, before the thread that serves them exists.
struct DemoSockets {
    gitlab: UnixListener,
    mattermost: net::TcpListener,
}

/// Binds and serves both until the returned value is dropped.
///
/// The unix socket is made inside `directory`, which must exist and should belong to this run alone.
///
/// # Errors
/// When a socket cannot be bound or the thread cannot be started; the message says which.
pub fn start_servers(directory: &Path) -> io::Result<DemoServers> {
    let gitlab_socket = directory.join("gitlab.socket");
    let (sockets, mattermost) = DemoSockets::bind(&gitlab_socket)?;
    let applications = DemoAddresses { gitlab_socket, mattermost };
    let (stop, stopped) = oneshot::channel();
    let (report, started) = mpsc::channel();
    let thread = thread::Builder::new().name("demo-apps".into()).spawn(move || run(sockets, stopped, &report))?;
    // From here on the drop cleans up, also when the thread reports that it cannot serve.
    let running = DemoServers { applications, running: Some((stop, thread)) };
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended before it could serve")))?;
    Ok(running)
}

impl DemoServers {
    /// Where they listen.
    pub fn applications(&self) -> &DemoAddresses {
        &self.applications
    }
}

impl Drop for DemoServers {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // An error here is the thread's panic, which has been reported where it happened.
            let _ = thread.join();
        }
        // The directory is thrown away by its owner; a socket that is left behind harms nobody.
        let _ = fs::remove_file(&self.applications.gitlab_socket);
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

/// The thread's life: says through `report` whether it can serve, then serves until `stopped`.
fn run(sockets: DemoSockets, stopped: oneshot::Receiver<Infallible>, report: &mpsc::Sender<io::Result<()>>) {
    if let Err(error) = serve_both(sockets, stopped, report) {
        // Fails only when nobody waits for the report any more.
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

/// The chat sends small messages, each of which should leave at once.
async fn accept_tcp(listener: &tokio::net::TcpListener) -> io::Result<tokio::net::TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Fails when the peer is gone already, which the first read will tell.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Accepts for ever; each connection is a task of the runtime and ends with it.
async fn serve<S, A, F>(accept: impl AsyncFn() -> io::Result<S>, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = DemoResponse> + Send + 'static,
{
    loop {
        match accept().await {
            Ok(stream) => drop(tokio::spawn(serve_connection(stream, answer.clone()))),
            // Most likely the descriptors ran out. Waiting lets some come back; trying at once spins.
            Err(error) => {
                tracing::warn!(%error, "a stand-in application cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

async fn serve_connection<S, A, F>(stream: S, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = DemoResponse> + Send + 'static,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to a stand-in application ended early");
    }
}

fn cannot_listen(whose: &str, place: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the stand-in for {whose} cannot listen on {place}: {error}"))
}

/// How long a connection may stay without a request. Longer than any proxy keeps one in its pool, so
/// that it is the proxy who closes.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);
