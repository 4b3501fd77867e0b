//! The application behind the proxies: as little work as gives right answers.
//!
//! | request                                      | answer                                          |
//! |----------------------------------------------|-------------------------------------------------|
//! | `GET /bytes/N`                               | 200 and N bytes                                 |
//! | `POST …?size=N`                              | 200 if the body has N bytes, else 422           |
//! | `GET /api/v4/websocket` with an upgrade      | a WebSocket that echoes                         |
//! | the same with `?broadcast`                   | a WebSocket whose messages go to all such ones  |
//!
//! It ends with the harness that started it.

mod answer;
mod body;
mod request;
mod socket;

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{LocalSet, spawn_local};

use self::answer::Answers;

/// The first argument that selects this part; the address follows.
pub(crate) const PART: &str = "@application";

/// Mattermost's path, for which GitLab's nginx has a location of its own.
pub(crate) const ECHO_PATH: &str = "/api/v4/websocket";

/// Where messages go to everyone.
pub(crate) const BROADCAST_PATH: &str = "/api/v4/websocket?broadcast";

/// Serves on the address in `arguments`: `127.0.0.1:9000` or `unix:/path`.
///
/// # Errors
/// The address is missing or in use.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let [address] = arguments else {
        bail!("{PART} is started by the harness itself, with an address");
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
    let answers = Rc::new(Answers::new());
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept connections")?;
        stream.set_nodelay(true)?;
        spawn_local(converse(stream, Rc::clone(&answers)));
    }
}

async fn serve_unix(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    // The proxy's workers may run as another user.
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    let answers = Rc::new(Answers::new());
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept connections")?;
        spawn_local(converse(stream, Rc::clone(&answers)));
    }
}

/// A proxy that breaks a connection is the generator's business to notice.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Rc<Answers>) {
    let _ = answer::converse(stream, &answers).await;
}

const BACKLOG: i32 = 4096;
