//! What one worker needs to serve one configuration: model, pools, logs, pages.

use std::rc::Rc;
use std::sync::Arc;

use http::header::HeaderValue;
use tokio::sync::watch;

use super::access_log::Logs;
use super::error::Refusal;
use super::error_pages::ReadyPages;
use super::local_response::{self, Reply};
use crate::model::{ErrorPagesId, HostId, Listener, Model};
use crate::telemetry::access_log::writer::LogHandle;
use crate::telemetry::metrics::Tallies;
use crate::telemetry::metrics::expiry::HostExpiry;
use crate::tls::server::challenges::Challenges;
use crate::tls::upstream_client::ApplicationTls;
use crate::upstream::Upstream;

/// What all workers have in common, prepared once.
#[derive(Clone)]
pub struct SharedSnapshot {
    pub model: Arc<Model>,
    /// What TLS to each application needs, by its id.
    pub application_tls: Arc<[Option<ApplicationTls>]>,
    pub pages: Arc<ReadyPages>,
    /// There if certificates are obtained.
    pub challenges: Option<Arc<Challenges>>,
    /// When what hosts need comes to an end.
    pub expiries: watch::Receiver<Vec<HostExpiry>>,
}

/// One worker's live configuration: the model, with this worker's pools and logs beside it.
pub(super) struct Snapshot {
    pub(super) model: Arc<Model>,
    pub(super) pages: Arc<ReadyPages>,
    pub(super) challenges: Option<Arc<Challenges>>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) logs: Logs,
    /// By listener: see [`Listener::fallback`].
    pub(super) fallbacks: Vec<Option<HostId>>,
    /// There if the model has a page that tells them.
    pub(super) tallies: Option<Rc<Tallies>>,
    pub(super) expiries: watch::Receiver<Vec<HostExpiry>>,
}

impl Snapshot {
    pub(super) fn new(shared: SharedSnapshot, logs: &LogHandle, tallies: Option<Tallies>) -> Snapshot {
        let SharedSnapshot { model, application_tls, pages, challenges, expiries } = shared;
        let workers = model.process.workers.get();
        let specs = model.upstreams().iter().zip(application_tls.iter());
        let upstreams = specs.map(|(spec, tls)| Upstream::new(spec, tls.clone(), workers)).collect();
        let logs = Logs::new(&model, logs);
        let fallbacks = model.listeners.iter().map(Listener::fallback).collect();
        let tallies = tallies.map(Rc::new);
        Snapshot { model, pages, challenges, upstreams, logs, fallbacks, tallies, expiries }
    }

    /// What a client is told that is not let through.
    pub(super) fn refuse(
        &self,
        refusal: &Refusal,
        pages: Option<ErrorPagesId>,
        accept: Option<&HeaderValue>,
    ) -> Reply {
        local_response::refuse(refusal, self.pages.find(pages, refusal.status()), accept)
    }
}
