//! A relay: TLS on one side, the application's bytes on the other, and nothing in between.
//!
//! It knows no HTTP, keeps no log and sets no limit. So it shows what a proxy on this machine cannot go
//! below with one read and one write for each piece of data: the floor under the scenarios in which a
//! connection to the application belongs to one client.

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

use crate::site::{Site, Upstream};

/// The first argument that selects this part.
pub(crate) const PART: &str = "@relay";

/// One direction. What the other side does not take at once is kept.
#[derive(Default)]
struct Half {
    held: Vec<u8>,
    has_ended: bool,
}

/// The arguments that let [`serve`] stand in for a proxy.
///
/// # Errors
/// The application is behind a unix socket, for which there is no floor here.
pub(crate) fn arguments(site: &Site) -> Result<Vec<std::ffi::OsString>> {
    let Upstream::Tcp(application) = site.upstream else { bail!("the relay reaches applications over TCP only") };
    Ok(vec![
        PART.into(),
        site.https.to_string().into(),
        site.http.to_string().into(),
        application.to_string().into(),
        site.certificate.chain.clone().into(),
        site.certificate.key.clone().into(),
    ])
}

/// Relays until the process is ended. `arguments`: both addresses, the application's, chain and key.
///
/// # Errors
/// An argument is wrong, or an address is taken.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let [https, http, application, chain, key] = arguments else {
        bail!("{PART} is started by the harness itself, with three addresses and two files");
    };
    let acceptor = TlsAcceptor::from(Arc::new(config(chain, key)?));
    let application: SocketAddr = application.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        // Proxies are ready when both of their ports accept.
        let _unused = TcpListener::bind(http).await?;
        let listener = TcpListener::bind(https).await?;
        loop {
            let (client, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                // A client that leaves is the end of its relay, not of the others.
                let _ = relay(client, acceptor, application).await;
            });
        }
    })
}

fn config(chain: &str, key: &str) -> Result<ServerConfig> {
    let open = |path: &str| std::fs::File::open(path).map(std::io::BufReader::new);
    let chain: Vec<_> = rustls_pemfile::certs(&mut open(chain)?).collect::<Result<_, _>>()?;
    let key = rustls_pemfile::private_key(&mut open(key)?)?.context("there is no key in the file")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

async fn relay(client: TcpStream, acceptor: TlsAcceptor, application: SocketAddr) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut application = TcpStream::connect(application).await?;
    application.set_nodelay(true)?;
    let (mut up, mut down) = (Half::default(), Half::default());
    let mut buffer = vec![0; BUFFER];
    poll_fn(|cx| {
        let up = up.poll(cx, &mut client, &mut application, &mut buffer)?;
        let down = down.poll(cx, &mut application, &mut client, &mut buffer)?;
        // Whoever ends first ends both: the load generator never closes one direction only.
        if up.is_ready() || down.is_ready() { Poll::Ready(std::io::Result::Ok(())) } else { Poll::Pending }
    })
    .await?;
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut client).await;
    Ok(())
}

impl Half {
    /// Ready when the reading side has ended.
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
            while !self.held.is_empty() {
                let taken = ready!(Pin::new(&mut *to).poll_write(cx, &self.held))?;
                self.held.drain(..taken);
            }
            if self.has_ended {
                return Pin::new(&mut *to).poll_flush(cx);
            }
            let mut arrived = ReadBuf::new(buffer);
            let read = Pin::new(&mut *from).poll_read(cx, &mut arrived);
            if read.is_pending() {
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
                return Poll::Pending;
            }
            self.has_ended = !matches!(read, Poll::Ready(Ok(()))) || arrived.filled().is_empty();
            let rest = match Pin::new(&mut *to).poll_write(cx, arrived.filled()) {
                Poll::Ready(taken) => &arrived.filled()[taken?..],
                Poll::Pending => arrived.filled(),
            };
            self.held.extend_from_slice(rest);
        }
    }
}

/// Room for one whole TLS record.
const BUFFER: usize = 16 * 1024;
