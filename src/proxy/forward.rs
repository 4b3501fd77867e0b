//! Forwards a request to an upstream and converts its response.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http::{Response, Version};

use super::error::ProxyError;
use super::exchange::{HandlerOutcome, InboundRequest, PendingTunnel, RequestContext};
use super::local_response::{self, LocalResponse};
use super::response_body::BodyContent;
use super::snapshot::Snapshot;
use super::tunnel::TunnelEndpoint;
use super::tunnel::upgrade::UpgradeRequest;
use super::upstream_timing::UpstreamLogScope;
use super::virtual_host::ConnectionContext;
use super::{request_body, rewrite};
use crate::model::error_page::InterceptErrors;
use crate::model::headers::ops::{HeaderOp, ResolvedHeaderOps};
use crate::model::route::{ForwardAction, Route};
use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use crate::upstream::error::UpstreamError;
use crate::upstream::request::{HopMode, TrailerSupport, UpstreamRequest, UpstreamRequestHead};
use crate::upstream::response::UpstreamResponse;

/// What a route wants of an application.
pub(super) struct ForwardContext<'a> {
    pub(super) route: &'a Route,
    pub(super) forward: &'a ForwardAction,
    pub(super) response_ops: &'a ResolvedHeaderOps<'a>,
}

/// Asks the application.
pub(super) async fn forward(
    snapshot: &Snapshot,
    errand: ForwardContext<'_>,
    asked: RequestContext<'_>,
) -> Result<HandlerOutcome, ProxyError> {
    let RequestContext { context: visit, record: exchange, inbound } = asked;
    let ForwardContext { forward, response_ops, .. } = errand;
    let version = inbound.head.version;
    let offer = UpgradeRequest::from_request(&inbound.head, &inbound.body);
    let noting;
    let answer = {
        // In a scope of its own, so that the future has no room for it while it waits.
        let request = build_upstream_request(snapshot, visit, &errand, inbound, offer.as_ref())?;
        let address = &snapshot.model.upstream(forward.upstream).address;
        noting = exchange.custom_record().map(|notes| UpstreamLogScope::begin(notes, address, &request));
        let attempt = noting.as_ref().map(|noting| &noting.attempt);
        snapshot.upstreams[forward.upstream.index()].send(request, attempt)
    }
    .await;
    if let Some(noting) = noting {
        noting.end(&answer);
    }
    match answer.inspect_err(|error| report(snapshot, forward, error)).map_err(ProxyError::Upstream)? {
        UpstreamResponse::Response(response) => {
            if let Some(reply) = intercept_error(snapshot, &response, &errand) {
                return Ok(HandlerOutcome::Response(reply));
            }
            let (mut head, body) = response.into_parts();
            let upgrade = rewrite::required_upgrade(&head, version);
            head.headers = rewrite::to_client(head.headers, response_ops);
            if let Some(protocol) = upgrade {
                head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                head.headers.insert(header::UPGRADE, protocol);
            }
            head.version = Version::HTTP_11;
            Ok(HandlerOutcome::Response(Response::from_parts(head, BodyContent::Upstream(body))))
        }
        UpstreamResponse::Upgraded(head, stream, early) => {
            // The upstream switches only when asked to, and it was asked to because of the offer.
            let offer = offer.ok_or(ProxyError::Upstream(UpstreamError::UnexpectedUpgrade))?;
            let reply = offer.accept(head, response_ops);
            let application = TunnelEndpoint { stream, early };
            Ok(HandlerOutcome::Upgraded(
                reply,
                PendingTunnel { upstream: application, idle_timeout: forward.tunnel_idle_timeout },
            ))
        }
    }
}

/// The request as the application is to get it.
fn build_upstream_request(
    snapshot: &Snapshot,
    visit: &ConnectionContext,
    errand: &ForwardContext<'_>,
    inbound: Box<InboundRequest>,
    offer: Option<&UpgradeRequest>,
) -> Result<UpstreamRequest, ProxyError> {
    let ForwardContext { route, forward, .. } = errand;
    let request_ops = HeaderOp::resolve(&forward.request_headers, &inbound.facts(&visit.client, snapshot));
    let InboundRequest { mut head, body, host, client_address, host_header, .. } = *inbound;
    let body = request_body::of(body, forward, &head)?;
    visit.client.set_write_timeout(forward.client_timeout);
    let hop = hop(snapshot.model.upstream(forward.upstream), &head.headers, offer);
    let security = snapshot.model.host(host).security;
    let introduction = visit.forwarding_headers(host_header, client_address, security);
    let mut headers = rewrite::to_upstream(&mut head, introduction);
    headers.apply(&request_ops);
    let target = rewrite::target(&head.uri, route, &forward.target).map_err(|_| ProxyError::BadPath)?;
    let head = UpstreamRequestHead { method: head.method, target, headers };
    Ok(UpstreamRequest::new(head, body, &hop, forward.read_timeout))
}

/// One exchange, a tunnel if one is offered, or one stream of many: HTTP/2 has no switching of protocols.
fn hop(spec: &UpstreamSpec, headers: &HeaderMap, offer: Option<&UpgradeRequest>) -> HopMode {
    match spec.protocol {
        UpstreamProtocol::Http1 => offer.map_or(HopMode::KeepAlive, UpgradeRequest::hop),
        UpstreamProtocol::Http2 => {
            let scheme = if spec.tls().is_some() { Scheme::HTTPS } else { Scheme::HTTP };
            let wanted =
                headers.get_all(header::TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
            HopMode::Stream(scheme, if wanted { TrailerSupport::Yes } else { TrailerSupport::No })
        }
    }
}

/// A page in the place of an application's error, if that is wanted and there is one.
fn intercept_error<B>(
    snapshot: &Snapshot,
    answer: &Response<B>,
    errand: &ForwardContext<'_>,
) -> Option<LocalResponse> {
    if errand.forward.intercept_errors == InterceptErrors::Pass {
        return None;
    }
    let page = snapshot.pages.find(errand.route.error_pages, answer.status())?;
    let mut reply = local_response::error_page(answer.status(), page);
    // A 401 is nothing without it (RFC 9110 section 15.5.2).
    for challenge in answer.headers().get_all(header::WWW_AUTHENTICATE) {
        reply.headers_mut().append(header::WWW_AUTHENTICATE, challenge.clone());
    }
    errand.response_ops.apply(reply.headers_mut());
    Some(reply)
}

fn report(snapshot: &Snapshot, forward: &ForwardAction, error: &UpstreamError) {
    if let UpstreamError::RequestBody(_) = error {
        return;
    }
    tracing::warn!("{}: {error}", snapshot.model.upstream(forward.upstream));
}
