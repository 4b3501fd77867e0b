//! One worker: a thread with its own runtime, listening sockets, pools and counters.
//!
//! A connection never leaves the worker that accepted it, so nothing on the way of a request is shared
//! with another thread.

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

/// All that one worker needs to start.
pub(crate) struct WorkerConfig {
    pub(crate) shared: SharedSnapshot,
    pub(crate) sockets: Vec<BoundListener>,
    pub(crate) logs: LogSender,
    pub(crate) metrics: Option<WorkerMetrics>,
}

/// A bound socket, and how it speaks.
pub(crate) struct BoundListener {
    /// The position of the listener in the model.
    pub(crate) listener: usize,
    pub(crate) socket: TcpListener,
    pub(crate) preamble: ProxyProtocolMode,
    pub(crate) tls: Option<Arc<SniResolver>>,
}

/// Tells a worker what to do.
#[derive(Clone)]
pub(crate) struct WorkerHandle(UnboundedSender<WorkerCommand>);

enum WorkerCommand {
    Stop,
    Cancel,
    Renew(SniResolvers),
}

impl WorkerHandle {
    /// Accept nothing more, finish what runs, end.
    pub(crate) fn stop(&self) {
        // A worker that is gone has stopped already.
        let _ = self.0.send(WorkerCommand::Stop);
    }

    /// Let handshakes to come use other certificates.
    pub(crate) fn set_tls(&self, doors: SniResolvers) {
        let _ = self.0.send(WorkerCommand::Renew(doors));
    }

    /// After a stop: wait no longer.
    pub(crate) fn cancel(&self) {
        let _ = self.0.send(WorkerCommand::Cancel);
    }
}

/// Starts a worker. When it has ended it sends what it had to cut to `reports`.
pub(crate) fn start(
    position: usize,
    plan: WorkerConfig,
    reports: UnboundedSender<TaskCounts>,
) -> io::Result<WorkerHandle> {
    let (sender, orders) = unbounded_channel();
    std::thread::Builder::new().name(format!("worker-{position}")).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                let cut = runtime.block_on(run(plan, orders));
                // This ends what was cut, before that is reported; but a thread that hangs in a file or in a
                // name's lookup is not waited for.
                runtime.shutdown_background();
                let _ = reports.send(cut);
            }
            Err(error) => tracing::error!("a worker cannot start: {error}"),
        }
    })?;
    Ok(WorkerHandle(sender))
}

async fn run(plan: WorkerConfig, mut orders: UnboundedReceiver<WorkerCommand>) -> TaskCounts {
    let grace = plan.shared.model.process.shutdown_timeout;
    let drain = TaskTracker::new();
    let proxy = Rc::new(Proxy::new(plan.shared, &plan.logs, plan.metrics, drain.clone()));
    let mut running: Vec<JoinHandle<()>> = Vec::new();
    let mut transports = Vec::new();
    for bound in plan.sockets {
        let transport = Rc::new(transport(&bound));
        transports.push((bound.listener, transport.clone()));
        match accept_loop(bound, transport, proxy.clone(), drain.clone()) {
            Ok(task) => running.push(task),
            Err(error) => tracing::error!("a worker cannot accept connections: {error}"),
        }
    }
    let ticking = TaskTracker::spawn_detached(run_timer(proxy.clone()));
    next_stop(&mut orders, &transports).await;
    running.iter().for_each(JoinHandle::abort);
    let cut = tokio::select! {
        left = drain.drain(grace) => left,
        () = next_stop(&mut orders, &transports) => drain.counts(),
    };
    ticking.abort();
    proxy.on_tick();
    cut
}

/// The next order to stop or to cut; renewals are done on the way. Without a sender the process is ending, too.
async fn next_stop(orders: &mut UnboundedReceiver<WorkerCommand>, transports: &[(usize, Rc<DownstreamTransport>)]) {
    while let Some(WorkerCommand::Renew(doors)) = orders.recv().await {
        for (listener, transport) in transports {
            if let (DownstreamTransport::Tls(doorway), Some(door)) = (&**transport, &doors[*listener]) {
                doorway.replace(door.clone());
            }
        }
    }
}

fn transport(bound: &BoundListener) -> DownstreamTransport {
    match &bound.tls {
        Some(door) => DownstreamTransport::Tls(CurrentSniResolver::new(door.clone())),
        None => DownstreamTransport::Plain,
    }
}

fn accept_loop(
    bound: BoundListener,
    transport: Rc<DownstreamTransport>,
    proxy: Rc<Proxy>,
    drain: TaskTracker,
) -> io::Result<JoinHandle<()>> {
    let socket = tokio::net::TcpListener::from_std(bound.socket)?;
    let (listener, preamble) = (bound.listener, bound.preamble);
    let local_is_asked_for = proxy.needs_local_address();
    Ok(TaskTracker::spawn_detached(async move {
        loop {
            let (tcp, peer) = listener::accept(&socket).await;
            let local = if local_is_asked_for { tcp.local_addr().ok() } else { None };
            let accepted = AcceptedConnection {
                tcp,
                peer,
                local: local.map(|local| local.ip()),
                listener,
                proxy_protocol: preamble,
            };
            let (proxy, transport, of_connection) = (proxy.clone(), transport.clone(), drain.clone());
            let counted = proxy.connection_guard();
            drain.spawn(TaskKind::Connection, async move {
                let service = |client| proxy.service(client);
                if let Some(unserved) =
                    downstream::serve_connection(accepted, &transport, &of_connection, service).await
                {
                    proxy.note_unserved(listener, peer.ip(), &unserved);
                }
                drop(counted);
            });
        }
    }))
}

async fn run_timer(proxy: Rc<Proxy>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        proxy.on_tick();
    }
}

/// How old an access-log line may grow before it is written.
const TICK: Duration = Duration::from_millis(250);
