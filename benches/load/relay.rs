//! TLS relay: terminates TLS and forwards bytes to the upstream.
//!
//! It parses no HTTP, writes no log and enforces no limits. With one read and one write per piece of data, it is
//! the lower bound of a proxy's cost on this machine in scenarios with one upstream connection per client.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::environment::{Environment, UpstreamAddress};

/// The first argument that selects this role.
pub(crate) const ROLE: &str = "@relay";

/// One direction of the relay. Bytes that the other side does not accept at once are buffered.
#[derive(Default)]
struct Direction {
    pending: Vec<u8>,
    is_eof: bool,
}

/// Returns the arguments of [`serve`] for a trial.
///
/// # Errors
/// The upstream listens on a Unix socket, which the relay does not support.
pub(crate) fn arguments(environment: &Environment) -> Result<Vec<std::ffi::OsString>> {
    let UpstreamAddress::Tcp(upstream) = environment.upstream else {
        bail!("the relay supports TCP upstreams only")
    };
    Ok(vec![
        ROLE.into(),
        environment.https.to_string().into(),
        environment.http.to_string().into(),
        upstream.to_string().into(),
        environment.certificate.chain.clone().into(),
        environment.certificate.key.clone().into(),
    ])
}

/// Relays until the process is terminated. `arguments`: HTTPS, HTTP and upstream address, chain, key.
///
/// # Errors
/// An argument is invalid or an address is in use.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let [https, http, upstream, chain, key] = arguments else {
        bail!("{ROLE} is an internal role of the harness and takes three addresses and two files");
    };
    let acceptor = TlsAcceptor::from(Arc::new(config(chain, key)?));
    let upstream: SocketAddr = upstream.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        // The harness waits until both ports accept connections.
        let _unused = TcpListener::bind(http).await?;
        let listener = TcpListener::bind(https).await?;
        loop {
            let (client, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                // An error ends this relay only.
                let _ = relay(client, acceptor, upstream).await;
            });
        }
    })
}

fn config(chain: &str, key: &str) -> Result<ServerConfig> {
    let open = |path: &str| std::fs::File::open(path).map(std::io::BufReader::new);
    let chain: Vec<_> = rustls_pemfile::certs(&mut open(chain)?).collect::<Result<_, _>>()?;
    let key = rustls_pemfile::private_key(&mut open(key)?)?.context("no private key in the file")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

async fn relay(client: TcpStream, acceptor: TlsAcceptor, upstream: SocketAddr) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut upstream = TcpStream::connect(upstream).await?;
    upstream.set_nodelay(true)?;
    let (mut up, mut down) = (Direction::default(), Direction::default());
    let mut buffer = vec![0; BUFFER];
    poll_fn(|cx| {
        let up = up.poll(cx, &mut client, &mut upstream, &mut buffer)?;
        let down = down.poll(cx, &mut upstream, &mut client, &mut buffer)?;
        // The end of one direction ends both, because the generator does not half-close.
        if up.is_ready() || down.is_ready() { Poll::Ready(std::io::Result::Ok(())) } else { Poll::Pending }
    })
    .await?;
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut client).await;
    Ok(())
}

impl Direction {
    /// Forwards available bytes. Ready at the end of the stream that is read.
    fn poll<R, W>(
        &mut self,
        cx: &mut TaskContext<'_>,
        from: &mut R,
        to: &mut W,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while !self.pending.is_empty() {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.pending))?;
                self.pending.drain(..written);
            }
            if self.is_eof {
                return Pin::new(&mut *to).poll_flush(cx);
            }
            let mut input = ReadBuf::new(buffer);
            let read = Pin::new(&mut *from).poll_read(cx, &mut input);
            if read.is_pending() {
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
                return Poll::Pending;
            }
            self.is_eof = !matches!(read, Poll::Ready(Ok(()))) || input.filled().is_empty();
            let rest = match Pin::new(&mut *to).poll_write(cx, input.filled()) {
                Poll::Ready(written) => &input.filled()[written?..],
                Poll::Pending => input.filled(),
            };
            self.pending.extend_from_slice(rest);
        }
    }
}

/// Size of a full TLS record.
const BUFFER: usize = 16 * 1024;
