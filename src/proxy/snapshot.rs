//! What one worker needs to serve one configuration: model, pools, logs, pages.

use std::rc::Rc;
use std::sync::Arc;

use http::header::HeaderValue;
use tokio::sync::watch;

use super::access_log::HostLogs;
use super::error::ProxyError;
use super::error_pages::LoadedErrorPages;
use super::local_response::{self, LocalResponse};
use crate::model::{ErrorPagesId, HostId, Listener, Model};
use crate::telemetry::access_log::writer::LogSender;
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::metrics::expiry::HostCertificateExpiry;
use crate::tls::server::challenges::AcmeChallenges;
use crate::tls::upstream_client::UpstreamTlsClient;
use crate::upstream::Upstream;

/// What all workers have in common, prepared once.
#[derive(Clone)]
pub struct SharedSnapshot {
    pub model: Arc<Model>,
    /// What TLS to each application needs, by its id.
    pub upstream_tls: Arc<[Option<UpstreamTlsClient>]>,
    pub pages: Arc<LoadedErrorPages>,
    /// There if certificates are obtained.
    pub challenges: Option<Arc<AcmeChallenges>>,
    /// When what hosts need comes to an end.
    pub expiries: watch::Receiver<Vec<HostCertificateExpiry>>,
}

/// One worker's live configuration: the model, with this worker's pools and logs beside it.
pub(super) struct Snapshot {
    pub(super) model: Arc<Model>,
    pub(super) pages: Arc<LoadedErrorPages>,
    pub(super) challenges: Option<Arc<AcmeChallenges>>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) logs: HostLogs,
    /// By listener: see [`Listener::fallback`].
    pub(super) default_hosts: Vec<Option<HostId>>,
    /// There if the model has a page that tells them.
    pub(super) metrics: Option<Rc<WorkerMetrics>>,
    pub(super) expiries: watch::Receiver<Vec<HostCertificateExpiry>>,
}

impl Snapshot {
    pub(super) fn new(shared: SharedSnapshot, logs: &LogSender, tallies: Option<WorkerMetrics>) -> Snapshot {
        let SharedSnapshot { model, upstream_tls: application_tls, pages, challenges, expiries } = shared;
        let workers = model.process.workers.get();
        let specs = model.upstreams().iter().zip(application_tls.iter());
        let upstreams = specs.map(|(spec, tls)| Upstream::new(spec, tls.clone(), workers)).collect();
        let logs = HostLogs::new(&model, logs);
        let default_hosts = model.listeners.iter().map(Listener::default_host).collect();
        let metrics = tallies.map(Rc::new);
        Snapshot { model, pages, challenges, upstreams, logs, default_hosts, metrics, expiries }
    }

    /// What a client is told that is not let through.
    pub(super) fn error_response(
        &self,
        refusal: &ProxyError,
        pages: Option<ErrorPagesId>,
        accept: Option<&HeaderValue>,
    ) -> LocalResponse {
        local_response::error_response(refusal, self.pages.find(pages, refusal.status()), accept)
    }
}
