//! Prepares everything that can fail, then runs the workers until shutdown.
//!
//! [`prepare`] reads keys, binds sockets and opens logs, or returns all problems together.
//! [`PreparedServer::run`] serves until a signal stops it.

mod logs;
pub mod problem;
pub mod worker;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::acme::{self, AcmeHandle};
use crate::drain::TaskCounts;
use crate::model::{ListenerTransport, LogTarget, Model};
use crate::net::listener;
use crate::proxy::error_pages::LoadedErrorPages;
use crate::proxy::snapshot::SharedSnapshot;
use crate::sys::account::{self, UserAccount};
use crate::sys::files;
use crate::sys::signals::{SignalAction, SignalListener};
use crate::telemetry::access_log::writer::{FlushOutcome, LogSender, LogWriter};
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::metrics::expiry::HostCertificateExpiry;
use crate::tls::files::expiry::Expiry;
use crate::tls::server::sni::SniResolvers;
use crate::tls::store::credential_store::CredentialStore;
use crate::tls::store::watcher::{CredentialWatcher, Update, WatchedCredential, WatcherHandle};
use logs::PendingLogs;
use problem::StartupProblem;
use worker::{BoundListener, WorkerConfig, WorkerHandle};

/// Everything needed to serve: sockets, certificates, logs. Running it cannot fail on configuration.
pub struct PreparedServer {
    shared: SharedSnapshot,
    /// Indexed by worker.
    sockets: Vec<Vec<BoundListener>>,
    logs: LogWriter,
    watcher: CredentialWatcher,
    /// Expiry dates for the metrics endpoint.
    expiries: watch::Sender<Vec<HostCertificateExpiry>>,
    /// `Some` if ACME issues certificates.
    acme: Option<acme::AcmeClient>,
}

/// Returns every error and warning without serving.
pub fn check(model: &Model) -> Vec<StartupProblem> {
    let (store, unusable) = CredentialStore::load(model);
    let mut problems: Vec<StartupProblem> = unusable.into_iter().map(StartupProblem::File).collect();
    match store {
        Ok(store) => {
            problems.extend(store.warnings(model).into_iter().map(StartupProblem::from));
        }
        Err(error) => problems.push(StartupProblem::Tls(error)),
    }
    let directories: BTreeSet<&Path> = log_files(model).filter_map(Path::parent).collect();
    let missing = directories.into_iter().filter(|directory| !directory.is_dir());
    problems.extend(missing.map(|directory| StartupProblem::LogDirectory(directory.into())));
    problems.extend(logs::unopenable(model));
    problems.extend(model.process.user.as_ref().and_then(|name| find_account(name).err()));
    let preconditions = model.acme.iter().flat_map(|acme| acme::preconditions(model, acme));
    problems.extend(preconditions.map(StartupProblem::AcmePrecondition));
    problems
}

/// Does everything that can fail: reads certificates, opens logs, binds sockets, drops root privileges.
///
/// # Errors
///
/// All problems found, so that an operator can correct them together.
pub fn prepare(model: Model) -> Result<PreparedServer, Vec<StartupProblem>> {
    account::raise_descriptor_limit();
    let model = Arc::new(model);
    let watched = WatchedCredential::all(&model);
    let (store, unusable) = CredentialStore::load(&model);
    let mut problems: Vec<StartupProblem> = unusable.into_iter().map(StartupProblem::File).collect();
    let mut store = store.map_err(|error| vec![StartupProblem::Tls(error)])?;
    let logs = PendingLogs::open(model.access_logs()).map_err(|found| problems.extend(found));
    let sockets = bind_all(&model).map_err(|found| problems.extend(found));
    let (Ok(logs), Ok(sockets), true) = (logs, sockets, problems.is_empty()) else {
        return Err(problems);
    };
    let resolvers = store.sni_resolvers(&model).map_err(|error| vec![StartupProblem::Tls(error)])?;
    let sockets = sockets.into_iter().map(|of_worker| with_tls(of_worker, &resolvers)).collect();
    let pages = LoadedErrorPages::load(&model, |path| files::read(path, files::MAX_ERROR_PAGE));
    let (challenges, acme) = (store.challenges().cloned(), acme_client(&model, &store)?);
    let mut watcher = CredentialWatcher::new(model.clone(), store, watched);
    watcher.log_warnings();
    drop_privileges(&model, &logs).map_err(|problem| vec![problem])?;
    let logs = logs.finish().map_err(|problem| vec![problem])?;
    let upstream_tls = watcher.upstream_tls();
    let expiries = watch::Sender::new(host_expiries(watcher.expiries()));
    let shared =
        SharedSnapshot { model, upstream_tls, pages: Arc::new(pages), challenges, expiries: expiries.subscribe() };
    Ok(PreparedServer { shared, sockets, logs, watcher, expiries, acme })
}

impl PreparedServer {
    /// Serves until a signal stops the server; returns the number of connections and tunnels that were aborted.
    ///
    /// # Errors
    ///
    /// If a thread, a runtime or the signal handlers cannot be created.
    pub fn run(self) -> Result<TaskCounts, StartupProblem> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartupProblem::Start)?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<TaskCounts, StartupProblem> {
        let mut signals = SignalListener::new().map_err(StartupProblem::Start)?;
        let logs = self.logs.sender();
        let log_thread = self.logs.start().map_err(StartupProblem::Start)?;
        let mut metrics = WorkerMetrics::for_workers(&self.shared.model).into_iter().flatten();
        let (reporter, mut reports) = unbounded_channel();
        let mut workers = Vec::new();
        for (position, sockets) in self.sockets.into_iter().enumerate() {
            let config =
                WorkerConfig { shared: self.shared.clone(), sockets, logs: logs.clone(), metrics: metrics.next() };
            workers.push(worker::start(position, config, reporter.clone()).map_err(StartupProblem::Start)?);
        }
        drop(reporter);
        let watcher =
            self.watcher.start(publisher(workers.clone(), self.expiries)).map_err(StartupProblem::Start)?;
        log_listeners(&self.shared.model);
        let acme = self.acme.map(acme::AcmeClient::start).transpose().map_err(StartupProblem::Start)?;
        let threads = BackgroundThreads { logs, watcher, acme };
        let aborted = supervise(&mut signals, &workers, &mut reports, &threads).await;
        if log_thread.join(LOG_FLUSH_TIMEOUT) == FlushOutcome::TimedOut {
            tracing::error!("access log: the last lines were not written within 2 s");
        }
        Ok(aborted)
    }
}

/// Returns the callback that sends reloaded TLS configurations to the workers and expiry dates to the metrics
/// endpoint.
fn publisher(
    workers: Vec<WorkerHandle>,
    expiries: watch::Sender<Vec<HostCertificateExpiry>>,
) -> impl Fn(Update) + Send + 'static {
    move |update| match update {
        Update::SniResolvers(resolvers) => workers.iter().for_each(|worker| worker.set_tls(resolvers.clone())),
        Update::Expiries(found) => drop(expiries.send_replace(host_expiries(found))),
    }
}

/// Converts expiry dates to the form of the metrics endpoint.
fn host_expiries(found: Vec<(String, Expiry)>) -> Vec<HostCertificateExpiry> {
    let convert = |(host, expiry): (String, Expiry)| HostCertificateExpiry {
        host,
        kind: expiry.kind.name(),
        file: expiry.file.display().to_string(),
        at: expiry.end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    found.into_iter().map(convert).collect()
}

/// Handles to the log, credential and ACME threads.
struct BackgroundThreads {
    logs: LogSender,
    watcher: WatcherHandle,
    /// `Some` if ACME issues certificates.
    acme: Option<AcmeHandle>,
}

/// Forwards signals to the workers and background threads until all workers have ended. Returns what was aborted.
async fn supervise(
    signals: &mut SignalListener,
    workers: &[WorkerHandle],
    reports: &mut UnboundedReceiver<TaskCounts>,
    threads: &BackgroundThreads,
) -> TaskCounts {
    let mut aborted = TaskCounts::default();
    let mut is_stopping = false;
    let mut deadline = None;
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(counts) => aborted += counts,
                None => return aborted,
            },
            () = sleep_until(deadline) => return aborted,
            action = signals.next() => match action {
                SignalAction::ReopenLogs => threads.logs.reopen(),
                SignalAction::Reload => {
                    tracing::info!("SIGHUP: reloading certificates; configuration changes require a restart");
                    threads.watcher.reload();
                    threads.acme.iter().for_each(AcmeHandle::renew_now);
                }
                SignalAction::Stop if is_stopping => {
                    tracing::warn!("shutdown: second signal received, aborting connections and tunnels");
                    workers.iter().for_each(WorkerHandle::cancel);
                    deadline.get_or_insert_with(|| Instant::now() + ABORT_TIMEOUT);
                }
                SignalAction::Stop => {
                    tracing::info!("shutdown: waiting for requests and tunnels to finish");
                    is_stopping = true;
                    workers.iter().for_each(WorkerHandle::stop);
                }
            },
        }
    }
}

/// Returns the ACME client; `None` if ACME issues no certificate.
fn acme_client(
    model: &Arc<Model>,
    store: &CredentialStore,
) -> Result<Option<acme::AcmeClient>, Vec<StartupProblem>> {
    let Some((acme, challenges)) = model.acme.as_ref().zip(store.challenges()) else { return Ok(None) };
    let client = acme::AcmeClient::prepare(model, acme, challenges, store.provider());
    client.map(Some).map_err(|problem| vec![StartupProblem::File(problem)])
}

/// Binds one socket for each worker and listener; indexed by worker, then by listener.
fn bind_all(model: &Model) -> Result<Vec<Vec<BoundListener>>, Vec<StartupProblem>> {
    let taken =
        model.listeners.iter().map(|listener| listener.address).filter(|address| listener::is_in_use(*address));
    let in_use = |address| StartupProblem::Bind { address, error: io::ErrorKind::AddrInUse.into() };
    let mut problems: Vec<StartupProblem> = taken.map(in_use).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut by_worker: Vec<Vec<BoundListener>> = Vec::new();
    for worker in 0..model.process.workers.get() {
        let mut sockets = Vec::new();
        for (position, listener) in model.listeners.iter().enumerate() {
            match listener::bind(listener.address) {
                Ok(socket) => {
                    let proxy_protocol = listener.proxy_protocol;
                    sockets.push(BoundListener { listener: position, socket, proxy_protocol, tls: None });
                }
                Err(error) if listener::is_ipv6_unavailable(listener.address, &error) => {
                    tracing::debug!("listener {}: skipped, IPv6 is not available", listener.address);
                }
                Err(error) => problems.push(StartupProblem::Bind { address: listener.address, error }),
            }
        }
        by_worker.push(sockets);
        if worker == 0 && !problems.is_empty() {
            break;
        }
    }
    if problems.is_empty() { Ok(by_worker) } else { Err(problems) }
}

fn with_tls(sockets: Vec<BoundListener>, resolvers: &SniResolvers) -> Vec<BoundListener> {
    sockets.into_iter().map(|bound| BoundListener { tls: resolvers[bound.listener].clone(), ..bound }).collect()
}

/// Switches to the configured user if the process runs as root, and makes it the owner of the log files.
fn drop_privileges(model: &Model, logs: &PendingLogs<'_>) -> Result<(), StartupProblem> {
    let Some(name) = model.process.user.as_ref().filter(|_| account::is_root()) else { return Ok(()) };
    let account = find_account(name)?;
    let (user, group) = account.ids();
    // The process may not be permitted to change owners. The check below decides: whether the user can reopen the
    // logs.
    let _ = logs.chown(user, group);
    account.switch_to().map_err(|why| StartupProblem::User { name: name.clone(), why: why.to_string() })?;
    for file in log_files(model).filter(|file| !account::can_write(file)) {
        let file = file.display();
        tracing::warn!(
            "access log {file}: user `{name}` cannot reopen it after a rotation; \
             grant write access to the file or its directory"
        );
    }
    Ok(())
}

fn find_account(name: &str) -> Result<UserAccount, StartupProblem> {
    UserAccount::find(name).map_err(|why| StartupProblem::User { name: name.into(), why: why.to_string() })
}

fn log_files(model: &Model) -> impl Iterator<Item = &Path> {
    model.access_logs().iter().filter_map(|target| match target {
        LogTarget::File(path) => Some(path.as_path()),
        LogTarget::Off | LogTarget::Stdout => None,
    })
}

/// Logs the listening addresses with their host names.
fn log_listeners(model: &Model) {
    for listener in &model.listeners {
        let names: Vec<String> = listener.hosts.entries().iter().map(|(name, _)| name.to_string()).collect();
        let scheme = if listener.transport == ListenerTransport::Plain { "http" } else { "https" };
        tracing::info!("listener {}: accepting {scheme} for {}", listener.address, names.join(", "));
    }
    tracing::info!(workers = model.process.workers.get(), "server: ready");
}

/// Waits until `deadline`; without one, never completes.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Time limit for the workers to abort connections after a second signal.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time limit for writing the last access log lines, for a disk or pipe that is too slow.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
