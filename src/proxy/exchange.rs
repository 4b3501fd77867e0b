//! One exchange on its way through the proxy: the request, and what came of it.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::HeaderValue;
use http::{Response, request};

use super::local_response::LocalResponse;
use super::request_id::RequestId;
use super::response_body::ResponseBody;
use super::snapshot::Snapshot;
use super::tunnel::TunnelEndpoint;
use super::variables::RequestVariables;
use super::virtual_host::ConnectionContext;
use crate::downstream::connection::DownstreamConnection;
use crate::downstream::request_body::IncomingBody;
use crate::model::HostId;
use crate::telemetry::access_log::ExchangeRecord;
use crate::upstream::connector::UpstreamStream;

/// A request that has a host here.
pub(super) struct InboundRequest {
    pub(super) head: request::Parts,
    pub(super) body: IncomingBody,
    pub(super) host: HostId,
    /// Who asks, as the host is told it.
    pub(super) client_address: SocketAddr,
    /// `Host` for the application, as the client wrote it.
    pub(super) host_header: HeaderValue,
    pub(super) id: RequestId,
}

/// A request that is to be answered, and what goes with it. Small, because futures hold it.
pub(super) struct RequestContext<'a> {
    pub(super) context: &'a ConnectionContext,
    pub(super) record: &'a mut ExchangeRecord,
    pub(super) inbound: Box<InboundRequest>,
}

/// What came of a request.
pub(super) enum HandlerOutcome {
    Response(LocalResponse),
    /// The route wants the connection to end.
    Closed,
    Upgraded(Response<ResponseBody>, PendingTunnel),
}

/// The application's end of a tunnel that is about to open.
pub(super) struct PendingTunnel {
    pub(super) upstream: TunnelEndpoint<UpstreamStream>,
    pub(super) idle_timeout: Duration,
}

impl InboundRequest {
    /// What templates may know of a request.
    pub(super) fn facts<'a>(
        &'a self,
        client: &'a DownstreamConnection,
        snapshot: &'a Snapshot,
    ) -> RequestVariables<'a> {
        let InboundRequest { head, host, client_address, id, .. } = self;
        let client_address = *client_address;
        RequestVariables { model: &snapshot.model, client, client_address, head, host: Some(*host), id }
    }
}
