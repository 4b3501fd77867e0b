//! Handles a request: host, route, access, action, response.
//!
//! A request passes through `accept_request` (virtual host, access log record), `handle`, `run_route` (the action
//! of the matched route) and `with_record`, which attaches the record to the response.

pub mod access_log;
mod builtin_endpoints;
mod compression;
mod connection_metrics;
pub mod error;
pub mod error_pages;
mod exchange;
pub mod file_body;
pub mod files;
mod forward;
mod gzip_body;
pub mod html;
pub mod local_response;
mod request_body;
pub mod request_id;
pub mod requested_host;
pub mod response_body;
pub mod rewrite;
pub mod snapshot;
pub mod tunnel;
pub mod upstream_timing;
pub mod variables;
mod virtual_host;

use std::net::IpAddr;
use std::rc::Rc;

use http::{HeaderMap, Request, Response, header};
use tower::Service;

use crate::downstream::EarlyFailure;
use crate::downstream::abort::Abort;
use crate::downstream::connection::DownstreamConnection;
use crate::downstream::request_body::IncomingBody;
use crate::drain::TaskTracker;
use crate::model::headers::ops::HeaderOp;
use crate::model::route::RouteAction;
use crate::model::variable::NamedRequestVariable;
use crate::telemetry::access_log::writer::LogSender;
use crate::telemetry::metrics::{ConnectionGuard, WorkerMetrics};
use error::ProxyError;
use exchange::{AdmittedRequest, HandlerOutcome, InboundRequest, RequestContext, with_record};
use forward::{ForwardContext, forward};
use local_response::error_response;
use request_id::RequestId;
use response_body::ResponseBody;
use snapshot::{SharedSnapshot, Snapshot};
use variables::RequestVariables;
use virtual_host::{ConnectionContext, SelectedHost};

/// Handles requests on one worker with the current snapshot.
pub struct Proxy {
    snapshot: Snapshot,
    drain: TaskTracker,
}

impl Proxy {
    /// Creates the proxy of one worker. `drain` runs and counts its tunnels.
    pub fn new(
        shared: SharedSnapshot,
        logs: &LogSender,
        metrics: Option<WorkerMetrics>,
        drain: TaskTracker,
    ) -> Proxy {
        Proxy { snapshot: Snapshot::new(shared, logs, metrics), drain }
    }

    /// Returns the service for one client connection, and counts its TLS handshake.
    pub fn service(
        self: &Rc<Self>,
        client: Rc<DownstreamConnection>,
    ) -> impl Service<Request<IncomingBody>, Response = Response<ResponseBody>, Error = Abort, Future: 'static>
    + Clone
    + 'static
    + use<> {
        connection_metrics::record_handshake(&self.snapshot, &client);
        let proxy = self.clone();
        let connection = Rc::new(ConnectionContext::new(client));
        tower::service_fn(move |request| {
            let (proxy, connection) = (proxy.clone(), connection.clone());
            // Called before the future is created, so that the future does not hold the unparsed request.
            let admitted = proxy.accept_request(&connection, request);
            async move { proxy.handle(&connection, admitted).await }
        })
    }

    /// Counts a connection while the guard lives. `None` if the model has no status endpoint.
    pub fn connection_guard(&self) -> Option<ConnectionGuard> {
        self.snapshot.metrics.as_ref().map(|metrics| metrics.connection_accepted())
    }

    /// Returns whether `$server_addr` is used. The local address costs a system call for each connection.
    pub fn needs_local_address(&self) -> bool {
        self.snapshot.model.uses_variable(NamedRequestVariable::ServerAddr)
    }

    /// Logs a request that failed to parse, and counts a TLS handshake that failed.
    pub fn record_early_failure(&self, listener: usize, peer: IpAddr, failure: &EarlyFailure) {
        connection_metrics::record_early_failure(&self.snapshot, listener, peer, failure);
    }

    /// Flushes access logs and closes expired idle connections.
    pub fn on_tick(&self) {
        self.snapshot.on_tick();
    }

    /// Handles one request up to the response head.
    async fn handle(
        &self,
        connection: &ConnectionContext,
        admitted: AdmittedRequest,
    ) -> Result<Response<ResponseBody>, Abort> {
        let AdmittedRequest { active, mut record, request } = admitted;
        let decision = request.as_ref().ok().and_then(|request| request.compression_decision(&self.snapshot));
        let outcome = match request {
            Ok(request) => self.run_route(RequestContext { connection, record: &mut record, request }).await,
            Err(rejection) => HandlerOutcome::Response(*rejection),
        };
        match outcome {
            HandlerOutcome::Response(local) => Ok(with_record(record, active, compression::apply(decision, local))),
            HandlerOutcome::Closed => {
                record.response_started(local_response::status_closed(), &HeaderMap::new());
                Err(Abort)
            }
            HandlerOutcome::Upgraded(response, tunnel) => {
                record.response_started(response.status(), response.headers());
                let guard = self.snapshot.metrics.as_ref().map(|metrics| metrics.tunnel_opened());
                tunnel.open_on_upgrade(&connection.client, record.into_tunnel(), guard, self.drain.clone());
                Ok(response)
            }
        }
    }

    /// Selects the virtual host and opens the access log record. A request without a valid host is rejected, but
    /// logged too.
    fn accept_request(&self, connection: &ConnectionContext, request: Request<IncomingBody>) -> AdmittedRequest {
        let (snapshot, client) = (&self.snapshot, &*connection.client);
        let active = client.open_exchange();
        let (head, body) = request.into_parts();
        let id = RequestId::default();
        let selected = virtual_host::select_host(snapshot, connection, &head);
        let host = selected.as_ref().ok().map(|selected| selected.host).or(snapshot.default_hosts[client.listener]);
        let client_address = virtual_host::client_address(snapshot, client, host, &head);
        let variables =
            RequestVariables { model: &snapshot.model, client, client_address, head: &head, host, id: &id };
        let record = snapshot.open_record(&variables);
        if let Some(response) = builtin_endpoints::acme_challenge_response(snapshot, &head) {
            return AdmittedRequest { active, record, request: Err(Box::new(response)) };
        }
        let request = match selected {
            Ok(SelectedHost { host, header: host_header }) => {
                Ok(Box::new(InboundRequest { head, body, host, client_address, host_header, id }))
            }
            Err(error) => Err(Box::new(error_response(&error, None, head.headers.get(header::ACCEPT)))),
        };
        AdmittedRequest { active, record, request }
    }

    /// Runs the action of the matched route.
    async fn run_route(&self, context: RequestContext<'_>) -> HandlerOutcome {
        let request = &context.request;
        let accept = request.head.headers.get(header::ACCEPT).cloned();
        let route = match request.select_route(&self.snapshot) {
            Ok(route) => route,
            Err(error) => {
                let pages = self.snapshot.model.host(request.host).error_pages;
                return HandlerOutcome::Response(self.snapshot.error_response(&error, pages, accept.as_ref()));
            }
        };
        let ops =
            HeaderOp::resolve(&route.response_headers, &request.variables(context.connection, &self.snapshot));
        let result = match &route.action {
            _ if !route.access.allows(request.client_address.ip()) => Err(ProxyError::Forbidden),
            RouteAction::Redirect(redirect) => rewrite::redirect_target(&request.head.uri, route, &redirect.path)
                .map(|target| local_response::redirect(redirect, &request.host_header, &target))
                .map_err(|_| ProxyError::BadPath),
            RouteAction::Respond(respond) => local_response::respond(respond),
            RouteAction::Close => return HandlerOutcome::Closed,
            // Boxed, so that the futures of other requests have no space for it.
            RouteAction::Files(files) => Box::pin(files::serve(files, &request.head)).await,
            RouteAction::Status(endpoint) => builtin_endpoints::status_page(&self.snapshot, *endpoint),
            RouteAction::Forward(action) => {
                match forward(&self.snapshot, ForwardContext { route, action, response_ops: &ops }, context).await {
                    Ok(outcome) => return outcome,
                    Err(error) => Err(error),
                }
            }
        };
        let mut response =
            result.unwrap_or_else(|error| self.snapshot.error_response(&error, route.error_pages, accept.as_ref()));
        ops.apply(response.headers_mut());
        HandlerOutcome::Response(response)
    }
}
