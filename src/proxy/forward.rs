//! Forwards a request to an upstream and converts its response.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http::{Response, Version};

use super::error::ProxyError;
use super::exchange::{HandlerOutcome, InboundRequest, RequestContext};
use super::local_response::{self, LocalResponse};
use super::response_body::BodyContent;
use super::snapshot::Snapshot;
use super::tunnel::upgrade::UpgradeRequest;
use super::tunnel::{PendingTunnel, TunnelEndpoint};
use super::upstream_timing::UpstreamLogScope;
use super::virtual_host::ConnectionContext;
use super::{request_body, rewrite};
use crate::model::error_page::InterceptErrors;
use crate::model::headers::ops::{HeaderOp, ResolvedHeaderOps};
use crate::model::route::{ExpectContinue, ForwardAction, Route};
use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use crate::upstream::error::UpstreamError;
use crate::upstream::request::{HopMode, TrailerSupport, UpstreamRequest, UpstreamRequestHead};
use crate::upstream::response::UpstreamResponse;

/// Route, forward action and response operations of a forwarded request.
pub(super) struct ForwardContext<'a> {
    pub(super) route: &'a Route,
    pub(super) action: &'a ForwardAction,
    pub(super) response_ops: &'a ResolvedHeaderOps<'a>,
}

/// Forwards a request to the upstream of its route.
///
/// # Errors
///
/// If the request cannot be forwarded or the upstream returns no response.
pub(super) async fn forward(
    snapshot: &Snapshot,
    context: ForwardContext<'_>,
    request: RequestContext<'_>,
) -> Result<HandlerOutcome, ProxyError> {
    let RequestContext { connection, record, request: inbound } = request;
    let ForwardContext { action, response_ops, .. } = context;
    let version = inbound.head.version;
    let upgrade = UpgradeRequest::from_request(&inbound.head, &inbound.body);
    let log_scope;
    let result = {
        // A block of its own, so that the future has no space for the request while it waits.
        let request = build_upstream_request(snapshot, connection, &context, inbound, upgrade.as_ref())?;
        let address = &snapshot.model.upstream(action.upstream).address;
        log_scope = record.custom_record().map(|record| UpstreamLogScope::begin(record, address, &request));
        let timing = log_scope.as_ref().map(|scope| &scope.timing);
        snapshot.upstreams[action.upstream.index()].send(request, timing)
    }
    .await;
    if let Some(log_scope) = log_scope {
        log_scope.end(&result);
    }
    match result.inspect_err(|error| log_error(snapshot, action, error)).map_err(ProxyError::Upstream)? {
        UpstreamResponse::Response(response) => {
            if let Some(page) = intercept_error(snapshot, &response, &context) {
                return Ok(HandlerOutcome::Response(page));
            }
            let (mut head, body) = response.into_parts();
            let required_upgrade = rewrite::required_upgrade(&head, version);
            head.headers = rewrite::to_client(head.status, head.headers, response_ops);
            if let Some(protocol) = required_upgrade {
                head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                head.headers.insert(header::UPGRADE, protocol);
            }
            head.version = Version::HTTP_11;
            Ok(HandlerOutcome::Response(Response::from_parts(head, BodyContent::Upstream(body))))
        }
        UpstreamResponse::Upgraded(head, stream, early) => {
            // Always `Some`: `Upstream::send` returns this variant only for a request with an upgrade.
            let upgrade = upgrade.ok_or(ProxyError::Upstream(UpstreamError::UnexpectedUpgrade))?;
            let response = upgrade.accept(head, response_ops);
            let upstream = TunnelEndpoint { stream, early };
            Ok(HandlerOutcome::Upgraded(
                response,
                PendingTunnel { upstream, idle_timeout: action.tunnel_idle_timeout },
            ))
        }
    }
}

/// Builds the request for the upstream: limited body, forwarding headers, header rules and rewritten target.
fn build_upstream_request(
    snapshot: &Snapshot,
    connection: &ConnectionContext,
    context: &ForwardContext<'_>,
    inbound: Box<InboundRequest>,
    upgrade: Option<&UpgradeRequest>,
) -> Result<UpstreamRequest, ProxyError> {
    let ForwardContext { route, action, .. } = context;
    let request_ops = HeaderOp::resolve(&action.request_headers, &inbound.variables(connection, snapshot));
    let InboundRequest { mut head, body, host, client_address, host_header, .. } = *inbound;
    let body = request_body::limited(body, action, &head)?;
    if action.expect_continue == ExpectContinue::Respond {
        head.headers.remove(header::EXPECT);
    }
    connection.client.set_write_timeout(action.client_timeout);
    let hop = hop_mode(snapshot.model.upstream(action.upstream), &head.headers, upgrade);
    let security = snapshot.model.host(host).security;
    let forwarding = connection.forwarding_headers(host_header, client_address, security);
    let mut headers = rewrite::to_upstream(&mut head, forwarding);
    headers.apply(&request_ops);
    let target = rewrite::target(&head.uri, route, &action.target).map_err(|_| ProxyError::BadPath)?;
    let head = UpstreamRequestHead { method: head.method, target, headers };
    Ok(UpstreamRequest::new(head, body, &hop, action.read_timeout))
}

/// Selects keep-alive, upgrade or stream. An upgrade is sent only to an HTTP/1.1 upstream; HTTP/2 has no `Upgrade`
/// (RFC 9113 section 8.2.2).
fn hop_mode(spec: &UpstreamSpec, headers: &HeaderMap, upgrade: Option<&UpgradeRequest>) -> HopMode {
    match spec.protocol {
        UpstreamProtocol::Http1 => upgrade.map_or(HopMode::KeepAlive, UpgradeRequest::hop_mode),
        UpstreamProtocol::Http2 => {
            let scheme = if spec.tls().is_some() { Scheme::HTTPS } else { Scheme::HTTP };
            let has_te_trailers =
                headers.get_all(header::TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
            HopMode::Stream(scheme, if has_te_trailers { TrailerSupport::Yes } else { TrailerSupport::No })
        }
    }
}

/// Returns the error page that replaces an upstream error; `None` if `intercept_errors` is off or no page has the
/// status.
fn intercept_error<B>(
    snapshot: &Snapshot,
    response: &Response<B>,
    context: &ForwardContext<'_>,
) -> Option<LocalResponse> {
    if context.action.intercept_errors == InterceptErrors::Pass {
        return None;
    }
    let page = snapshot.pages.find(context.route.error_pages, response.status())?;
    let mut page = local_response::error_page(response.status(), page);
    // A 401 must contain the challenge (RFC 9110 section 15.5.2).
    for challenge in response.headers().get_all(header::WWW_AUTHENTICATE) {
        page.headers_mut().append(header::WWW_AUTHENTICATE, challenge.clone());
    }
    context.response_ops.apply(page.headers_mut());
    Some(page)
}

/// Logs an upstream error. A failed request body is not a fault of the upstream.
fn log_error(snapshot: &Snapshot, action: &ForwardAction, error: &UpstreamError) {
    if let UpstreamError::RequestBody(_) = error {
        return;
    }
    tracing::warn!("upstream {}: {error}", snapshot.model.upstream(action.upstream));
}
