//! The way of a request: host, route, action, answer.

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

use futures_util::FutureExt;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Version, header};
use tower::Service;

use crate::downstream::EarlyFailure;
use crate::downstream::abort::Abort;
use crate::downstream::connection::{ActiveExchange, DownstreamConnection};
use crate::downstream::request_body::IncomingBody;
use crate::drain::{TaskKind, TaskTracker};
use crate::model::headers::ops::HeaderOp;
use crate::model::path;
use crate::model::route::{Route, RouteAction};
use crate::model::variable::NamedRequestVariable;
use crate::telemetry::access_log::writer::LogSender;
use crate::telemetry::access_log::{ExchangeRecord, TunnelRecord};
use crate::telemetry::metrics::{ConnectionGuard, WorkerMetrics};
use crate::upstream::Upstream;
use compression::CompressionDecision;
use error::ProxyError;
use exchange::{HandlerOutcome, InboundRequest, PendingTunnel, RequestContext};
use forward::ForwardContext;
use local_response::LocalResponse;
use request_id::RequestId;
use response_body::{ExchangeTracker, ResponseBody};
use snapshot::{SharedSnapshot, Snapshot};
use tunnel::TunnelEndpoint;
use variables::RequestVariables;
use virtual_host::{ConnectionContext, SelectedHost};

/// A request and its record, which begins in any case.
struct AdmittedRequest {
    open: ActiveExchange,
    exchange: ExchangeRecord,
    /// Boxed either way, because futures hold it.
    inbound: Result<Box<InboundRequest>, Box<LocalResponse>>,
}

/// One worker's proxy.
pub struct Proxy {
    snapshot: Snapshot,
    drain: TaskTracker,
}

impl Proxy {
    pub fn new(
        shared: SharedSnapshot,
        logs: &LogSender,
        tallies: Option<WorkerMetrics>,
        drain: TaskTracker,
    ) -> Proxy {
        Proxy { snapshot: Snapshot::new(shared, logs, tallies), drain }
    }

    /// The service for one client connection.
    pub fn service(
        self: &Rc<Self>,
        client: Rc<DownstreamConnection>,
    ) -> impl Service<Request<IncomingBody>, Response = Response<ResponseBody>, Error = Abort, Future: 'static>
    + Clone
    + 'static
    + use<> {
        connection_metrics::record_handshake(&self.snapshot, &client);
        let proxy = self.clone();
        let visit = Rc::new(ConnectionContext::of(client));
        tower::service_fn(move |request| {
            let (proxy, visit) = (proxy.clone(), visit.clone());
            // Before the future begins, so that it need not carry the request in full.
            let admitted = proxy.accept_request(&visit, request);
            async move { proxy.handle(&visit, admitted).await }
        })
    }

    /// Counts a connection for as long as the result lives, if anybody can ask for the count.
    pub fn connection_guard(&self) -> Option<ConnectionGuard> {
        self.snapshot.metrics.as_ref().map(|tallies| tallies.connection_accepted())
    }

    /// Whether anybody wants to know which address of ours a client connected to. It costs a system call.
    pub fn needs_local_address(&self) -> bool {
        self.snapshot.model.uses_variable(NamedRequestVariable::ServerAddr)
    }

    /// See [`connection_metrics::note_unserved`].
    pub fn note_unserved(&self, listener: usize, peer: IpAddr, unserved: &EarlyFailure) {
        connection_metrics::record_early_failure(&self.snapshot, listener, peer, unserved);
    }

    /// What is due from time to time: log lines go out, old connections close.
    pub fn on_tick(&self) {
        self.snapshot.logs.flush();
        self.snapshot.upstreams.iter().for_each(Upstream::close_expired);
    }

    /// One exchange, from the request to the head of its answer.
    async fn handle(
        &self,
        visit: &ConnectionContext,
        admitted: AdmittedRequest,
    ) -> Result<Response<ResponseBody>, Abort> {
        let AdmittedRequest { open, mut exchange, inbound } = admitted;
        let prospect = inbound.as_ref().ok().and_then(|inbound| self.compression_decision(inbound));
        let outcome = match inbound {
            Ok(inbound) => self.run_route(RequestContext { context: visit, record: &mut exchange, inbound }).await,
            Err(refused) => HandlerOutcome::Response(*refused),
        };
        match outcome {
            HandlerOutcome::Response(reply) => Ok(with_record(exchange, open, compression::apply(prospect, reply))),
            HandlerOutcome::Closed => {
                exchange.response_started(local_response::status_closed(), &HeaderMap::new());
                Err(Abort)
            }
            HandlerOutcome::Upgraded(reply, switched) => {
                exchange.response_started(reply.status(), reply.headers());
                self.open_tunnel(&visit.client, switched, exchange.into_tunnel());
                Ok(reply)
            }
        }
    }

    /// Finds the host of a request and opens its record.
    fn accept_request(&self, visit: &ConnectionContext, request: Request<IncomingBody>) -> AdmittedRequest {
        let client = &*visit.client;
        let open = client.open_exchange();
        let (head, body) = request.into_parts();
        let id = RequestId::default();
        let found = virtual_host::select_host(&self.snapshot, visit, &head);
        let answering =
            found.as_ref().ok().map(|addressee| addressee.host).or(self.snapshot.default_hosts[client.listener]);
        let client_address = virtual_host::client_address(&self.snapshot, client, answering, &head);
        let facts = RequestVariables {
            model: &self.snapshot.model,
            client,
            client_address,
            head: &head,
            host: answering,
            id: &id,
        };
        let exchange =
            ExchangeRecord::open(client_address.ip(), &head, &facts, self.snapshot.logs.of(answering).clone());
        let exchange =
            exchange.with_guard(self.snapshot.metrics.as_ref().map(|tallies| tallies.request_started(answering)));
        if let Some(answer) = builtin_endpoints::acme_challenge_response(&self.snapshot, &head) {
            return AdmittedRequest { open, exchange, inbound: Err(Box::new(answer)) };
        }
        let inbound = match found {
            Ok(SelectedHost { host, header: host_header }) => {
                Ok(Box::new(InboundRequest { head, body, host, client_address, host_header, id }))
            }
            Err(refusal) => {
                Err(Box::new(local_response::error_response(&refusal, None, head.headers.get(header::ACCEPT))))
            }
        };
        AdmittedRequest { open, exchange, inbound }
    }

    /// Does what the request's route says.
    async fn run_route(&self, asked: RequestContext<'_>) -> HandlerOutcome {
        let inbound = &asked.inbound;
        let accept = inbound.head.headers.get(header::ACCEPT).cloned();
        let route = match self.find_route(inbound) {
            Ok(route) => route,
            Err(refusal) => {
                let pages = self.snapshot.model.host(inbound.host).error_pages;
                return HandlerOutcome::Response(self.snapshot.error_response(&refusal, pages, accept.as_ref()));
            }
        };
        let ops = HeaderOp::resolve(&route.response_headers, &inbound.facts(&asked.context.client, &self.snapshot));
        let answered = match &route.action {
            _ if !route.access.allows(inbound.client_address.ip()) => Err(ProxyError::Forbidden),
            RouteAction::Redirect(redirect) => rewrite::redirect_target(&inbound.head.uri, route, &redirect.path)
                .map(|target| local_response::redirect(redirect, &inbound.host_header, &target))
                .map_err(|_| ProxyError::BadPath),
            RouteAction::Respond(respond) => local_response::respond(respond),
            RouteAction::Close => return HandlerOutcome::Closed,
            // In a box, so that requests without files need no room for one.
            RouteAction::Files(files) => Box::pin(files::serve(files, &inbound.head)).await,
            RouteAction::Status(page) => builtin_endpoints::status_page(&self.snapshot, *page),
            RouteAction::Forward(forward) => {
                match forward::forward(&self.snapshot, ForwardContext { route, forward, response_ops: &ops }, asked)
                    .await
                {
                    Ok(outcome) => return outcome,
                    Err(refusal) => Err(refusal),
                }
            }
        };
        let mut reply = answered
            .unwrap_or_else(|refusal| self.snapshot.error_response(&refusal, route.error_pages, accept.as_ref()));
        ops.apply(reply.headers_mut());
        HandlerOutcome::Response(reply)
    }

    fn find_route(&self, inbound: &InboundRequest) -> Result<&Route, ProxyError> {
        if !local_response::is_allowed(&inbound.head.method) {
            return Err(ProxyError::Method);
        }
        let has_path = |target: &PathAndQuery| !target.as_str().starts_with('?');
        if inbound.head.version == Version::HTTP_2 && !inbound.head.uri.path_and_query().is_none_or(has_path) {
            // RFC 9113 section 8.3.1: `:path` begins with a slash.
            return Err(ProxyError::BadPath);
        }
        let path = path::normalise(inbound.head.uri.path()).map_err(|_| ProxyError::BadPath)?;
        self.snapshot.model.host(inbound.host).routes.select(&path).ok_or(ProxyError::NoRoute)
    }

    /// What compression will make of the answer.
    fn compression_decision(&self, inbound: &InboundRequest) -> Option<CompressionDecision<'_>> {
        CompressionDecision::of(&self.snapshot.model.host(inbound.host).compression, &inbound.head)
    }

    /// Lets a tunnel begin when the 101 has gone out.
    fn open_tunnel(&self, client: &DownstreamConnection, switched: PendingTunnel, record: TunnelRecord) {
        let drain = self.drain.clone();
        let counted = self.snapshot.metrics.as_ref().map(|tallies| tallies.tunnel_opened());
        client.on_upgrade(Box::new(move |mut stream, early| {
            stream.into_tunnel_mode();
            let client = TunnelEndpoint { stream, early };
            let tunnel = tunnel::copy_bidirectional(client, switched.upstream, switched.idle_timeout, record);
            drain.spawn(TaskKind::Tunnel, tunnel.map(move |()| drop(counted)));
        }));
    }
}

/// An answer that carries its record to its end.
fn with_record(mut exchange: ExchangeRecord, open: ActiveExchange, reply: LocalResponse) -> Response<ResponseBody> {
    exchange.response_started(reply.status(), reply.headers());
    let reply = if exchange.is_head() { local_response::without_body(reply) } else { reply };
    let record = ExchangeTracker::new(exchange, open);
    reply.map(|content| ResponseBody::Message { content, record })
}
