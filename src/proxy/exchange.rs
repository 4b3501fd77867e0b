//! One exchange on its way through the proxy: the request, and what came of it.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::HeaderValue;
use http::{Response, request};

use super::local_response::Reply;
use super::request_id::RequestId;
use super::response_body::ReplyBody;
use super::snapshot::Snapshot;
use super::tunnel::End;
use super::variables::RequestFacts;
use super::virtual_host::Visit;
use crate::downstream::connection::ClientConnection;
use crate::downstream::request_body::ClientBody;
use crate::model::HostId;
use crate::telemetry::access_log::Exchange;
use crate::upstream::connector::UpstreamStream;

/// A request that has a host here.
pub(super) struct Inbound {
    pub(super) head: request::Parts,
    pub(super) body: ClientBody,
    pub(super) host: HostId,
    /// Who asks, as the host is told it.
    pub(super) client_address: SocketAddr,
    /// `Host` for the application, as the client wrote it.
    pub(super) host_header: HeaderValue,
    pub(super) id: RequestId,
}

/// A request that is to be answered, and what goes with it. Small, because futures hold it.
pub(super) struct Asked<'a> {
    pub(super) visit: &'a Visit,
    pub(super) exchange: &'a mut Exchange,
    pub(super) inbound: Box<Inbound>,
}

/// What came of a request.
pub(super) enum Outcome {
    Answered(Reply),
    /// The route wants the connection to end.
    Closed,
    Switched(Response<ReplyBody>, Switched),
}

/// The application's end of a tunnel that is about to open.
pub(super) struct Switched {
    pub(super) application: End<UpstreamStream>,
    pub(super) idle_timeout: Duration,
}

impl Inbound {
    /// What templates may know of a request.
    pub(super) fn facts<'a>(&'a self, client: &'a ClientConnection, snapshot: &'a Snapshot) -> RequestFacts<'a> {
        let Inbound { head, host, client_address, id, .. } = self;
        let client_address = *client_address;
        RequestFacts { model: &snapshot.model, client, client_address, head, host: Some(*host), id }
    }
}
