//! What one worker needs to serve one configuration: model, pools, logs, pages.

use std::rc::Rc;
use std::sync::Arc;

use http::header::HeaderValue;
use tokio::sync::watch;

use super::access_log::HostLogs;
use super::error::ProxyError;
use super::error_pages::LoadedErrorPages;
use super::local_response::{self, LocalResponse};
use super::variables::RequestVariables;
use crate::model::{ErrorPagesId, HostId, Listener, Model};
use crate::telemetry::access_log::ExchangeRecord;
use crate::telemetry::access_log::writer::LogSender;
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::metrics::expiry::HostCertificateExpiry;
use crate::tls::server::challenges::AcmeChallenges;
use crate::tls::upstream_client::UpstreamTlsClient;
use crate::upstream::Upstream;

/// Parts of a configuration that all workers share.
#[derive(Clone)]
pub struct SharedSnapshot {
    pub model: Arc<Model>,
    /// TLS client configurations, indexed by upstream id; `None` for an upstream without TLS.
    pub upstream_tls: Arc<[Option<UpstreamTlsClient>]>,
    pub pages: Arc<LoadedErrorPages>,
    /// Pending ACME challenges. `Some` if the model has certificates that ACME issues.
    pub challenges: Option<Arc<AcmeChallenges>>,
    /// Expiry dates for the metrics endpoint.
    pub expiries: watch::Receiver<Vec<HostCertificateExpiry>>,
}

/// A model with the pools, logs and counters of one worker.
pub(super) struct Snapshot {
    pub(super) model: Arc<Model>,
    pub(super) pages: Arc<LoadedErrorPages>,
    pub(super) challenges: Option<Arc<AcmeChallenges>>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) logs: HostLogs,
    /// Indexed by listener: see [`Listener::default_host`].
    pub(super) default_hosts: Vec<Option<HostId>>,
    /// `Some` if the model has a status endpoint.
    pub(super) metrics: Option<Rc<WorkerMetrics>>,
    pub(super) expiries: watch::Receiver<Vec<HostCertificateExpiry>>,
}

impl Snapshot {
    /// Creates the pools and log buffers of one worker.
    pub(super) fn new(shared: SharedSnapshot, logs: &LogSender, metrics: Option<WorkerMetrics>) -> Snapshot {
        let SharedSnapshot { model, upstream_tls, pages, challenges, expiries } = shared;
        let workers = model.process.workers.get();
        let specs = model.upstreams().iter().zip(upstream_tls.iter());
        let upstreams = specs.map(|(spec, tls)| Upstream::new(spec, tls.clone(), workers)).collect();
        let logs = HostLogs::new(&model, logs);
        let default_hosts = model.listeners.iter().map(Listener::default_host).collect();
        let metrics = metrics.map(Rc::new);
        Snapshot { model, pages, challenges, upstreams, logs, default_hosts, metrics, expiries }
    }

    /// Opens the access log record of a request, in the log of its host, and counts the request.
    pub(super) fn open_record(&self, variables: &RequestVariables<'_>) -> ExchangeRecord {
        let RequestVariables { client_address, head, host, .. } = *variables;
        let log = self.logs.log_of(host).clone();
        let record = ExchangeRecord::open(client_address.ip(), head, variables, log);
        record.with_guard(self.metrics.as_ref().map(|metrics| metrics.request_started(host)))
    }

    /// Returns the response for a proxy error, with the error page of `pages` if there is one for its status.
    pub(super) fn error_response(
        &self,
        error: &ProxyError,
        pages: Option<ErrorPagesId>,
        accept: Option<&HeaderValue>,
    ) -> LocalResponse {
        local_response::error_response(error, self.pages.find(pages, error.status()), accept)
    }

    /// Flushes access logs and closes expired idle connections.
    pub(super) fn on_tick(&self) {
        self.logs.flush();
        self.upstreams.iter().for_each(Upstream::close_expired);
    }
}
