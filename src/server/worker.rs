//! One worker thread: runtime, accept loops, shutdown, TLS replacement.
//!
//! A connection stays on the worker that accepted it, so no data of a request is shared between threads.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::downstream::{self, AcceptedConnection, DownstreamTransport};
use crate::drain::{TaskCounts, TaskKind, TaskTracker};
use crate::model::ProxyProtocolMode;
use crate::net::listener;
use crate::proxy::Proxy;
use crate::proxy::snapshot::SharedSnapshot;
use crate::telemetry::access_log::writer::LogSender;
use crate::telemetry::metrics::WorkerMetrics;
use crate::tls::server::sni::{CurrentSniResolver, SniResolver, SniResolvers};

/// Inputs of a worker thread.
pub(crate) struct WorkerConfig {
    pub(crate) shared: SharedSnapshot,
    pub(crate) sockets: Vec<BoundListener>,
    pub(crate) logs: LogSender,
    pub(crate) metrics: Option<WorkerMetrics>,
}

/// A bound socket and its listener settings.
pub(crate) struct BoundListener {
    /// Index of the listener in the model.
    pub(crate) listener: usize,
    pub(crate) socket: TcpListener,
    pub(crate) proxy_protocol: ProxyProtocolMode,
    pub(crate) tls: Option<Arc<SniResolver>>,
}

/// Sends commands to a worker.
#[derive(Clone)]
pub(crate) struct WorkerHandle(UnboundedSender<WorkerCommand>);

/// Stop, cancel, or replace the TLS configuration.
enum WorkerCommand {
    Stop,
    Cancel,
    SetTls(SniResolvers),
}

impl WorkerHandle {
    /// Starts a graceful shutdown: the worker closes its listeners, and ends after running exchanges and tunnels
    /// finish or `shutdown_timeout` expires.
    pub(crate) fn stop(&self) {
        // Sending fails only if the worker has already ended.
        let _ = self.0.send(WorkerCommand::Stop);
    }

    /// Replaces the TLS configurations for new handshakes.
    pub(crate) fn set_tls(&self, resolvers: SniResolvers) {
        let _ = self.0.send(WorkerCommand::SetTls(resolvers));
    }

    /// Ends a graceful shutdown immediately: running connections and tunnels are aborted.
    pub(crate) fn cancel(&self) {
        let _ = self.0.send(WorkerCommand::Cancel);
    }
}

/// Starts a worker thread. When it ends, it sends the counts of aborted tasks to `reports`.
///
/// # Errors
///
/// If the thread cannot be created.
pub(crate) fn start(
    position: usize,
    config: WorkerConfig,
    reports: UnboundedSender<TaskCounts>,
) -> io::Result<WorkerHandle> {
    let (sender, commands) = unbounded_channel();
    std::thread::Builder::new().name(format!("worker-{position}")).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                let aborted = runtime.block_on(run(config, commands));
                // Drops the aborted tasks before their number is reported, and does not wait for blocking threads,
                // which may be blocked by a file read or a name lookup.
                runtime.shutdown_background();
                let _ = reports.send(aborted);
            }
            Err(error) => tracing::error!("worker {position}: cannot create its runtime: {error}"),
        }
    })?;
    Ok(WorkerHandle(sender))
}

/// Accepts and serves connections until a stop command, then drains. Returns the counts of aborted tasks.
async fn run(config: WorkerConfig, mut commands: UnboundedReceiver<WorkerCommand>) -> TaskCounts {
    let shutdown_timeout = config.shared.model.process.shutdown_timeout;
    let drain = TaskTracker::new();
    let proxy = Rc::new(Proxy::new(config.shared, &config.logs, config.metrics, drain.clone()));
    let mut accept_loops: Vec<JoinHandle<()>> = Vec::new();
    let mut transports = Vec::new();
    for bound in config.sockets {
        let transport = Rc::new(transport(&bound));
        transports.push((bound.listener, transport.clone()));
        match accept_loop(bound, transport, proxy.clone(), drain.clone()) {
            Ok(task) => accept_loops.push(task),
            Err(error) => tracing::error!("worker: cannot accept connections: {error}"),
        }
    }
    let timer = TaskTracker::spawn_detached(run_timer(proxy.clone()));
    handle_commands(&mut commands, &transports).await;
    accept_loops.iter().for_each(JoinHandle::abort);
    let aborted = tokio::select! {
        remaining = drain.drain(shutdown_timeout) => remaining,
        () = handle_commands(&mut commands, &transports) => drain.counts(),
    };
    timer.abort();
    proxy.on_tick();
    aborted
}

/// Replaces TLS configurations until the next stop or cancel command. A closed channel means that the process is
/// ending, and counts as a stop.
async fn handle_commands(
    commands: &mut UnboundedReceiver<WorkerCommand>,
    transports: &[(usize, Rc<DownstreamTransport>)],
) {
    while let Some(WorkerCommand::SetTls(resolvers)) = commands.recv().await {
        for (listener, transport) in transports {
            if let (DownstreamTransport::Tls(current), Some(resolver)) = (&**transport, &resolvers[*listener]) {
                current.replace(resolver.clone());
            }
        }
    }
}

fn transport(bound: &BoundListener) -> DownstreamTransport {
    match &bound.tls {
        Some(resolver) => DownstreamTransport::Tls(CurrentSniResolver::new(resolver.clone())),
        None => DownstreamTransport::Plain,
    }
}

/// Spawns the task that accepts the connections of a socket and spawns a task for each.
fn accept_loop(
    bound: BoundListener,
    transport: Rc<DownstreamTransport>,
    proxy: Rc<Proxy>,
    drain: TaskTracker,
) -> io::Result<JoinHandle<()>> {
    let socket = tokio::net::TcpListener::from_std(bound.socket)?;
    let (listener, proxy_protocol) = (bound.listener, bound.proxy_protocol);
    let needs_local_address = proxy.needs_local_address();
    Ok(TaskTracker::spawn_detached(async move {
        loop {
            let (tcp, peer) = listener::accept(&socket).await;
            let local = if needs_local_address { tcp.local_addr().ok() } else { None };
            let accepted =
                AcceptedConnection { tcp, peer, local: local.map(|local| local.ip()), listener, proxy_protocol };
            let (proxy, transport, connection_drain) = (proxy.clone(), transport.clone(), drain.clone());
            let guard = proxy.connection_guard();
            drain.spawn(TaskKind::Connection, async move {
                let service = |client| proxy.service(client);
                if let Some(failure) =
                    downstream::serve_connection(accepted, &transport, &connection_drain, service).await
                {
                    proxy.record_early_failure(listener, peer.ip(), &failure);
                }
                drop(guard);
            });
        }
    }))
}

/// Calls [`Proxy::on_tick`] four times a second.
async fn run_timer(proxy: Rc<Proxy>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        proxy.on_tick();
    }
}

/// Maximum time that an access log line stays in the buffer of a worker.
const TICK: Duration = Duration::from_millis(250);
