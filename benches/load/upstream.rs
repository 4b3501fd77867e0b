//! The upstream server behind the proxies.
//!
//! It does as little work as correct responses allow.
//!
//! | request                                      | response                                        |
//! |----------------------------------------------|-------------------------------------------------|
//! | `GET /bytes/N`                               | 200 and N bytes                                 |
//! | `POST …?size=N`                              | 200 if the body has N bytes, else 422           |
//! | `GET /api/v4/websocket` with an upgrade      | a WebSocket that echoes each message            |
//! | the same with `?broadcast`                   | a WebSocket; each message is sent to all of them |
//!
//! The process ends together with the harness that started it.

mod body;
mod request;
mod response;
mod websocket;

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{LocalSet, spawn_local};

pub(crate) use self::request::{BROADCAST_PATH, ECHO_PATH};
use self::response::Responses;

/// The first argument that selects this role; the address follows.
pub(crate) const ROLE: &str = "@upstream";

/// Serves on the address in `arguments`, `127.0.0.1:9000` or `unix:/path`.
///
/// # Errors
/// The address is missing or in use.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let [address] = arguments else {
        bail!("{ROLE} is an internal role of the harness and takes an address");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        match address.strip_prefix("unix:") {
            Some(path) => serve_unix(Path::new(path)).await,
            None => serve_tcp(address).await,
        }
    })
}

async fn serve_tcp(address: &str) -> Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(
        &address.parse::<std::net::SocketAddr>().context("the address is not an IP address and a port")?.into(),
    )?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let responses = Rc::new(Responses::new());
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept connections")?;
        stream.set_nodelay(true)?;
        spawn_local(serve_connection(stream, Rc::clone(&responses)));
    }
}

async fn serve_unix(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    // Proxy workers may run as a different user.
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    let responses = Rc::new(Responses::new());
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept connections")?;
        spawn_local(serve_connection(stream, Rc::clone(&responses)));
    }
}

/// Serves one connection. Errors are ignored here: the generator detects aborted connections.
async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, responses: Rc<Responses>) {
    let _ = response::serve_connection(stream, &responses).await;
}

const BACKLOG: i32 = 4096;
