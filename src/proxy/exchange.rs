//! A request while it passes through the proxy, and the result of handling it.

use std::net::SocketAddr;

use http::header::HeaderValue;
use http::{Response, request};

use super::compression::CompressionDecision;
use super::error::ProxyError;
use super::local_response::{self, LocalResponse};
use super::request_id::RequestId;
use super::response_body::{ExchangeTracker, ResponseBody};
use super::snapshot::Snapshot;
use super::tunnel::PendingTunnel;
use super::variables::RequestVariables;
use super::virtual_host::ConnectionContext;
use crate::downstream::connection::ActiveExchange;
use crate::downstream::request_body::IncomingBody;
use crate::model::route::Route;
use crate::model::{HostId, path};
use crate::telemetry::access_log::ExchangeRecord;

/// An accepted or rejected request with its access log record.
pub(super) struct AdmittedRequest {
    pub(super) active: ActiveExchange,
    pub(super) record: ExchangeRecord,
    /// `Err` is the response to a request that reaches no route. Both are boxed, because futures hold them.
    pub(super) request: Result<Box<InboundRequest>, Box<LocalResponse>>,
}

/// A request with its virtual host and client address.
pub(super) struct InboundRequest {
    pub(super) head: request::Parts,
    pub(super) body: IncomingBody,
    pub(super) host: HostId,
    /// The client by the host's [`ClientAddressPolicy`](crate::model::client_address::ClientAddressPolicy).
    pub(super) client_address: SocketAddr,
    /// `Host` for the upstream, as the client sent it.
    pub(super) host_header: HeaderValue,
    pub(super) id: RequestId,
}

/// A request, its connection and its access log record. Small, because futures hold it.
pub(super) struct RequestContext<'a> {
    pub(super) connection: &'a ConnectionContext,
    pub(super) record: &'a mut ExchangeRecord,
    pub(super) request: Box<InboundRequest>,
}

/// Response, close without response, or upgrade.
pub(super) enum HandlerOutcome {
    Response(LocalResponse),
    /// The route closes the connection (nginx `return 444`).
    Closed,
    Upgraded(Response<ResponseBody>, PendingTunnel),
}

impl InboundRequest {
    /// Returns the source of the variables of this request.
    pub(super) fn variables<'a>(
        &'a self,
        connection: &'a ConnectionContext,
        snapshot: &'a Snapshot,
    ) -> RequestVariables<'a> {
        let InboundRequest { head, host, client_address, id, .. } = self;
        let (client, client_address) = (&*connection.client, *client_address);
        RequestVariables { model: &snapshot.model, client, client_address, head, host: Some(*host), id }
    }

    /// Selects the route of the host by the normalised path.
    pub(super) fn select_route<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a Route, ProxyError> {
        if !local_response::is_allowed(&self.head.method) {
            return Err(ProxyError::Method);
        }
        let path = path::normalize(self.head.uri.path()).map_err(|_| ProxyError::BadPath)?;
        snapshot.model.host(self.host).routes.select(&path).ok_or(ProxyError::NoRoute)
    }

    /// Decides whether the response may be compressed; `None` if the host compresses nothing.
    pub(super) fn compression_decision<'a>(&self, snapshot: &'a Snapshot) -> Option<CompressionDecision<'a>> {
        CompressionDecision::new(&snapshot.model.host(self.host).compression, &self.head)
    }
}

/// Attaches the access log record to a response. The record is written when the body ends or is dropped.
pub(super) fn with_record(
    mut record: ExchangeRecord,
    active: ActiveExchange,
    response: LocalResponse,
) -> Response<ResponseBody> {
    record.response_started(response.status(), response.headers());
    let response = if record.is_head() { local_response::without_body(response) } else { response };
    let tracker = ExchangeTracker::new(record, active);
    response.map(|content| ResponseBody::Message { content, tracker })
}
