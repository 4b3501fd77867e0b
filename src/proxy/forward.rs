//! Forwards a request to an upstream and converts its response.

use http::header::{self, HeaderMap};
use http::uri::Scheme;
use http::{Response, Version};

use super::error::Refusal;
use super::exchange::{Asked, Inbound, Outcome, Switched};
use super::local_response::{self, Reply};
use super::request_body;
use super::response_body::Content;
use super::rewrite;
use super::snapshot::Snapshot;
use super::tunnel::End;
use super::tunnel::upgrade::UpgradeOffer;
use super::upstream_timing::Noting;
use super::virtual_host::Visit;
use crate::model::error_page::ApplicationErrors;
use crate::model::headers::ops::{HeaderOp, ResolvedOps};
use crate::model::route::{Forward, Route};
use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use crate::upstream::error::UpstreamError;
use crate::upstream::request::{Hop, RequestHead, TrailersWanted, UpstreamRequest};
use crate::upstream::response::Answer;

/// What a route wants of an application.
pub(super) struct Errand<'a> {
    pub(super) route: &'a Route,
    pub(super) forward: &'a Forward,
    pub(super) response_ops: &'a ResolvedOps<'a>,
}

/// Asks the application.
pub(super) async fn forward(snapshot: &Snapshot, errand: Errand<'_>, asked: Asked<'_>) -> Result<Outcome, Refusal> {
    let Asked { visit, exchange, inbound } = asked;
    let Errand { forward, response_ops, .. } = errand;
    let offer = UpgradeOffer::of(&inbound.head, &inbound.body);
    let noting;
    let answer = {
        // In a scope of its own, so that the future has no room for it while it waits.
        let request = outbound(snapshot, visit, &errand, inbound, offer.as_ref())?;
        let address = &snapshot.model.upstream(forward.upstream).address;
        noting = exchange.notes().map(|notes| Noting::begin(notes, address, &request));
        let attempt = noting.as_ref().map(|noting| &noting.attempt);
        snapshot.upstreams[forward.upstream.index()].send(request, attempt)
    }
    .await;
    if let Some(noting) = noting {
        noting.end(&answer);
    }
    match answer.inspect_err(|error| report(snapshot, forward, error)).map_err(Refusal::Upstream)? {
        Answer::Response(response) => {
            if let Some(reply) = page_instead(snapshot, &response, &errand) {
                return Ok(Outcome::Answered(reply));
            }
            let (mut head, body) = response.into_parts();
            head.headers = rewrite::to_client(head.headers, response_ops);
            head.version = Version::HTTP_11;
            Ok(Outcome::Answered(Response::from_parts(head, Content::Application(body))))
        }
        Answer::Switched(head, stream, early) => {
            // The upstream switches only when asked to, and it was asked to because of the offer.
            let offer = offer.ok_or(Refusal::Upstream(UpstreamError::UnaskedSwitch))?;
            let reply = offer.accept(head, response_ops);
            let application = End { stream, early };
            Ok(Outcome::Switched(reply, Switched { application, idle_timeout: forward.tunnel_idle_timeout }))
        }
    }
}

/// The request as the application is to get it.
fn outbound(
    snapshot: &Snapshot,
    visit: &Visit,
    errand: &Errand<'_>,
    inbound: Box<Inbound>,
    offer: Option<&UpgradeOffer>,
) -> Result<UpstreamRequest, Refusal> {
    let Errand { route, forward, .. } = errand;
    let request_ops = HeaderOp::resolve(&forward.request_headers, &inbound.facts(&visit.client, snapshot));
    let Inbound { mut head, body, host, client_address, host_header, .. } = *inbound;
    let body = request_body::of(body, forward, &head)?;
    visit.client.limit_write(forward.client_timeout);
    let hop = hop(snapshot.model.upstream(forward.upstream), &head.headers, offer);
    let security = snapshot.model.host(host).security;
    let introduction = visit.introduction(host_header, client_address, security);
    let mut headers = rewrite::to_application(&mut head, introduction);
    headers.apply(&request_ops);
    let target = rewrite::target(&head.uri, route, &forward.target).map_err(|_| Refusal::BadPath)?;
    let head = RequestHead { method: head.method, target, headers };
    Ok(UpstreamRequest::new(head, body, &hop, forward.read_timeout))
}

/// One exchange, a tunnel if one is offered, or one stream of many: HTTP/2 has no switching of protocols.
fn hop(spec: &UpstreamSpec, headers: &HeaderMap, offer: Option<&UpgradeOffer>) -> Hop {
    match spec.protocol {
        UpstreamProtocol::Http1 => offer.map_or(Hop::KeepAlive, UpgradeOffer::hop),
        UpstreamProtocol::Http2 => {
            let scheme = if spec.tls().is_some() { Scheme::HTTPS } else { Scheme::HTTP };
            let wanted =
                headers.get_all(header::TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
            Hop::Stream(scheme, if wanted { TrailersWanted::Yes } else { TrailersWanted::No })
        }
    }
}

/// A page in the place of an application's error, if that is wanted and there is one.
fn page_instead<B>(snapshot: &Snapshot, answer: &Response<B>, errand: &Errand<'_>) -> Option<Reply> {
    if errand.forward.application_errors == ApplicationErrors::Pass {
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

fn report(snapshot: &Snapshot, forward: &Forward, error: &UpstreamError) {
    if let UpstreamError::RequestBody(_) = error {
        return;
    }
    tracing::warn!("{}: {error}", snapshot.model.upstream(forward.upstream));
}
