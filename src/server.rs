//! From a model to a running proxy, in two steps: everything that can fail, then everything that cannot.
//!
//! [`prepare`] reads keys, binds sockets and opens logs, or reports all that is wrong at once.
//! [`PreparedServer::run`] serves until a signal ends it.

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

/// A proxy that has everything it needs, and only has to be started.
pub struct PreparedServer {
    shared: SharedSnapshot,
    /// By worker.
    sockets: Vec<Vec<BoundListener>>,
    logs: LogWriter,
    renewal: CredentialWatcher,
    /// For the page of metrics.
    expiries: watch::Sender<Vec<HostCertificateExpiry>>,
    /// There if certificates are obtained.
    obtaining: Option<acme::AcmeClient>,
}

/// All that can be found wrong with a configuration without serving it.
pub fn check(model: &Model) -> Vec<StartupProblem> {
    let (keyring, unusable) = CredentialStore::load(model);
    let mut problems: Vec<StartupProblem> = unusable.into_iter().map(StartupProblem::File).collect();
    match keyring {
        Ok(keyring) => {
            problems.extend(keyring.warnings(model).into_iter().map(StartupProblem::from));
        }
        Err(error) => problems.push(StartupProblem::Tls(error)),
    }
    let directories: BTreeSet<&Path> = log_files(model).filter_map(Path::parent).collect();
    let missing = directories.into_iter().filter(|directory| !directory.is_dir());
    problems.extend(missing.map(|directory| StartupProblem::LogDirectory(directory.into())));
    problems.extend(model.process.user.as_ref().and_then(|name| find_account(name).err()));
    let obstacles = model.acme.iter().flat_map(|acme| acme::preconditions(model, acme));
    problems.extend(obstacles.map(StartupProblem::AcmePrecondition));
    problems
}

/// Does everything that can fail: reads certificates, opens logs, binds sockets, gives up root.
pub fn prepare(model: Model) -> Result<PreparedServer, Vec<StartupProblem>> {
    account::raise_descriptor_limit();
    let model = Arc::new(model);
    let watched = WatchedCredential::all(&model);
    let (keyring, unusable) = CredentialStore::load(&model);
    let mut problems: Vec<StartupProblem> = unusable.into_iter().map(StartupProblem::File).collect();
    let mut keyring = keyring.map_err(|error| vec![StartupProblem::Tls(error)])?;
    let logs = PendingLogs::open(model.access_logs()).map_err(|found| problems.extend(found));
    let sockets = bind_all(&model).map_err(|found| problems.extend(found));
    let (Ok(logs), Ok(sockets), true) = (logs, sockets, problems.is_empty()) else {
        return Err(problems);
    };
    let doors = keyring.sni_resolvers(&model).map_err(|error| vec![StartupProblem::Tls(error)])?;
    let sockets = sockets.into_iter().map(|of_worker| with_tls(of_worker, &doors)).collect();
    let pages = LoadedErrorPages::prepare(&model, |path| files::read(path, files::MAX_ERROR_PAGE));
    let (challenges, obtaining) = (keyring.challenges().cloned(), acme_client(&model, &keyring)?);
    let mut renewal = CredentialWatcher::new(model.clone(), keyring, watched);
    renewal.log_warnings();
    drop_privileges(&model, &logs).map_err(|problem| vec![problem])?;
    let logs = logs.finish().map_err(|problem| vec![problem])?;
    let application_tls = renewal.upstream_tls();
    let expiries = watch::Sender::new(host_expiries(renewal.expiries()));
    let shared = SharedSnapshot {
        model,
        upstream_tls: application_tls,
        pages: Arc::new(pages),
        challenges,
        expiries: expiries.subscribe(),
    };
    Ok(PreparedServer { shared, sockets, logs, renewal, expiries, obtaining })
}

impl PreparedServer {
    /// Serves until a signal ends it; returns what had to be cut then.
    pub fn run(self) -> Result<TaskCounts, StartupProblem> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartupProblem::Start)?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<TaskCounts, StartupProblem> {
        let mut signals = SignalListener::new().map_err(StartupProblem::Start)?;
        let logs = self.logs.handle();
        let log_thread = self.logs.start().map_err(StartupProblem::Start)?;
        let mut tallies = WorkerMetrics::for_workers(&self.shared.model).into_iter().flatten();
        let (reporter, mut reports) = unbounded_channel();
        let mut workers = Vec::new();
        for (position, sockets) in self.sockets.into_iter().enumerate() {
            let plan =
                WorkerConfig { shared: self.shared.clone(), sockets, logs: logs.clone(), metrics: tallies.next() };
            workers.push(worker::start(position, plan, reporter.clone()).map_err(StartupProblem::Start)?);
        }
        drop(reporter);
        let renewer =
            self.renewal.start(publisher(workers.clone(), self.expiries)).map_err(StartupProblem::Start)?;
        log_listeners(&self.shared.model);
        let obtainer = self.obtaining.map(acme::AcmeClient::start).transpose().map_err(StartupProblem::Start)?;
        let helpers = BackgroundThreads { logs, renewer, obtainer };
        let cut = supervise(&mut signals, &workers, &mut reports, &helpers).await;
        if log_thread.finish(WRITING_OUT) == FlushOutcome::Stuck {
            tracing::error!("the last lines of the access logs could not be written in time");
        }
        Ok(cut)
    }
}

/// Hands what has been read anew to the workers and to the page of metrics.
fn publisher(
    workers: Vec<WorkerHandle>,
    expiries: watch::Sender<Vec<HostCertificateExpiry>>,
) -> impl Fn(Update) + Send + 'static {
    move |update| match update {
        Update::SniResolvers(doors) => workers.iter().for_each(|worker| worker.set_tls(doors.clone())),
        Update::Expiries(ends) => drop(expiries.send_replace(host_expiries(ends))),
    }
}

fn host_expiries(ends: Vec<(String, Expiry)>) -> Vec<HostCertificateExpiry> {
    let converted = |(host, end): (String, Expiry)| HostCertificateExpiry {
        host,
        kind: end.kind.name(),
        file: end.file.display().to_string(),
        at: end.end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    ends.into_iter().map(converted).collect()
}

/// Threads beside the workers that signals are passed on to.
struct BackgroundThreads {
    logs: LogSender,
    renewer: WatcherHandle,
    /// There if certificates are obtained.
    obtainer: Option<AcmeHandle>,
}

/// Passes signals on to the workers until all have ended.
async fn supervise(
    signals: &mut SignalListener,
    workers: &[WorkerHandle],
    reports: &mut UnboundedReceiver<TaskCounts>,
    helpers: &BackgroundThreads,
) -> TaskCounts {
    let mut cut = TaskCounts::default();
    let mut is_stopping = false;
    let mut give_up_at = None;
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(census) => cut += census,
                None => return cut,
            },
            () = sleep_until(give_up_at) => return cut,
            wish = signals.next() => match wish {
                SignalAction::ReopenLogs => helpers.logs.reopen(),
                SignalAction::Reload => {
                    tracing::info!("SIGHUP: certificates are read anew; the configuration itself takes a restart");
                    helpers.renewer.renew();
                    helpers.obtainer.iter().for_each(AcmeHandle::renew_now);
                }
                SignalAction::Stop if is_stopping => {
                    tracing::warn!("stopping at once because of a second signal");
                    workers.iter().for_each(WorkerHandle::cancel);
                    give_up_at.get_or_insert_with(|| Instant::now() + CUTTING);
                }
                SignalAction::Stop => {
                    tracing::info!("stopping: waiting for requests and tunnels to finish");
                    is_stopping = true;
                    workers.iter().for_each(WorkerHandle::stop);
                }
            },
        }
    }
}

/// The client that obtains certificates, if any are to be obtained.
fn acme_client(
    model: &Arc<Model>,
    keyring: &CredentialStore,
) -> Result<Option<acme::AcmeClient>, Vec<StartupProblem>> {
    let Some((acme, challenges)) = model.acme.as_ref().zip(keyring.challenges()) else { return Ok(None) };
    let client = acme::AcmeClient::prepare(model, acme, challenges, keyring.provider());
    client.map(Some).map_err(|problem| vec![StartupProblem::File(problem)])
}

/// Sockets by worker, then by listener.
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
                    let preamble = listener.proxy_protocol;
                    sockets.push(BoundListener { listener: position, socket, preamble, tls: None });
                }
                Err(error) if listener::is_ipv6_unavailable(listener.address, &error) => {
                    tracing::debug!("no IPv6 here, so nothing listens on {}", listener.address);
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

fn with_tls(sockets: Vec<BoundListener>, doors: &SniResolvers) -> Vec<BoundListener> {
    sockets.into_iter().map(|bound| BoundListener { tls: doors[bound.listener].clone(), ..bound }).collect()
}

/// Becomes the configured account, if the program was started as root, and hands it the logs.
fn drop_privileges(model: &Model, logs: &PendingLogs<'_>) -> Result<(), StartupProblem> {
    let Some(name) = model.process.user.as_ref().filter(|_| account::is_root()) else { return Ok(()) };
    let account = find_account(name)?;
    let (user, group) = account.ids();
    // It may lack the right to give files away; what counts is whether they can be opened anew.
    let _ = logs.chown(user, group);
    account.switch_to().map_err(|why| StartupProblem::User { name: name.clone(), why: why.to_string() })?;
    for file in log_files(model).filter(|file| !account::can_write(file)) {
        let file = file.display();
        tracing::warn!(
            "{name} cannot open {file} anew after a rotation; let it write to the file or its directory"
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

fn log_listeners(model: &Model) {
    for listener in &model.listeners {
        let names: Vec<String> = listener.hosts.entries().iter().map(|(name, _)| name.to_string()).collect();
        let scheme = if listener.transport == ListenerTransport::Plain { "http" } else { "https" };
        tracing::info!("listening on {} ({scheme}) for {}", listener.address, names.join(", "));
    }
    tracing::info!("ready, {} workers", model.process.workers);
}

/// Completes at `deadline`, and never without one.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// What ending at once may take.
const CUTTING: Duration = Duration::from_secs(1);

/// What writing the last lines may take, on a disk or into a pipe that does not follow.
const WRITING_OUT: Duration = Duration::from_secs(2);
