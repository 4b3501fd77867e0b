//! The way of a request: host, route, action, answer.

mod addressee;
pub mod body;
mod compression;
pub mod error_pages;
pub mod facts;
pub mod file_body;
pub mod files;
mod gzip_body;
mod hop;
pub mod html;
pub mod logs;
pub mod noting;
mod own_answers;
pub mod reply;
mod request_body;
pub mod request_id;
pub mod requested_host;
pub mod rewrite;
pub mod tunnel;
mod unserved;
pub mod upgrade;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, Response, request};
use tokio::sync::watch;
use tower::Service;

use crate::drain::{Drain, Kind};
use crate::model::header_ops::{HeaderOp, ResolvedOps};
use crate::model::route::{Action, Forward, Route};
use crate::model::variable::RequestFact;
use crate::model::{HostId, Listener, Model, path};
use crate::net::challenges::Challenges;
use crate::net::client_body::ClientBody;
use crate::net::connection::{ClientConnection, OpenExchange};
use crate::net::no_answer::NoAnswer;
use crate::net::upstream::Upstream;
use crate::net::upstream::answer::Answer;
use crate::net::upstream::dial::UpstreamStream;
use crate::net::upstream::error::UpstreamError;
use crate::net::upstream::request::{RequestHead, UpstreamRequest};
use crate::net::upstream::tls::ApplicationTls;
use crate::telemetry::counters::{OpenConnection, Tallies};
use crate::telemetry::exchange::{Exchange, TunnelRecord};
use crate::telemetry::expiries::HostExpiry;
use crate::telemetry::log_writer::LogHandle;
use addressee::{Addressee, Visit};
use body::{Content, Record, ReplyBody};
use compression::Prospect;
use error_pages::ReadyPages;
use facts::RequestFacts;
use logs::Logs;
use noting::Noting;
use reply::{Refusal, Reply};
use request_id::RequestId;
use tunnel::{End, Meter};
use upgrade::UpgradeOffer;

/// What all workers have in common, prepared once.
#[derive(Clone)]
pub struct Shared {
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
pub struct Proxy {
    model: Arc<Model>,
    pages: Arc<ReadyPages>,
    challenges: Option<Arc<Challenges>>,
    upstreams: Vec<Upstream>,
    logs: Logs,
    /// By listener: see [`crate::model::Listener::fallback`].
    fallbacks: Vec<Option<HostId>>,
    /// There if the model has a page that tells them.
    tallies: Option<Rc<Tallies>>,
    expiries: watch::Receiver<Vec<HostExpiry>>,
    drain: Drain,
}

/// A request that has a host here.
struct Inbound {
    head: request::Parts,
    body: ClientBody,
    host: HostId,
    /// Who asks, as the host is told it.
    client_address: SocketAddr,
    /// `Host` for the application, as the client wrote it.
    host_header: HeaderValue,
    id: RequestId,
}

/// A request that is to be answered, and what goes with it. Small, because futures hold it.
struct Asked<'a> {
    visit: &'a Visit,
    exchange: &'a mut Exchange,
    inbound: Box<Inbound>,
}

/// What a route wants of an application.
struct Errand<'a> {
    route: &'a Route,
    forward: &'a Forward,
    response_ops: &'a ResolvedOps<'a>,
}

/// A request and its record, which begins in any case.
struct Admitted {
    open: OpenExchange,
    exchange: Exchange,
    /// Boxed either way, because futures hold it.
    inbound: Result<Box<Inbound>, Box<Reply>>,
}

/// What came of a request.
enum Outcome {
    Answered(Reply),
    /// The route wants the connection to end.
    Closed,
    Switched(Response<ReplyBody>, Switched),
}

/// The application's end of a tunnel that is about to open.
struct Switched {
    application: End<UpstreamStream>,
    idle_timeout: Duration,
}

impl Proxy {
    pub fn new(shared: Shared, logs: &LogHandle, tallies: Option<Tallies>, drain: Drain) -> Proxy {
        let Shared { model, application_tls, pages, challenges, expiries } = shared;
        let workers = model.process.workers.get();
        let specs = model.upstreams().iter().zip(application_tls.iter());
        let upstreams = specs.map(|(spec, tls)| Upstream::new(spec, tls.clone(), workers)).collect();
        let logs = Logs::new(&model, logs);
        let fallbacks = model.listeners.iter().map(Listener::fallback).collect();
        let tallies = tallies.map(Rc::new);
        Proxy { model, pages, challenges, upstreams, logs, fallbacks, tallies, expiries, drain }
    }

    /// The service for one client connection.
    pub fn service(
        self: &Rc<Self>,
        client: Rc<ClientConnection>,
    ) -> impl Service<Request<ClientBody>, Response = Response<ReplyBody>, Error = NoAnswer, Future: 'static>
    + Clone
    + 'static
    + use<> {
        self.count_handshake(&client);
        let proxy = self.clone();
        let visit = Rc::new(Visit::of(client));
        tower::service_fn(move |request| {
            let (proxy, visit) = (proxy.clone(), visit.clone());
            // Before the future begins, so that it need not carry the request in full.
            let admitted = proxy.admit(&visit, request);
            async move { proxy.answer(&visit, admitted).await }
        })
    }

    /// Counts a connection for as long as the result lives, if anybody can ask for the count.
    pub fn connected(&self) -> Option<OpenConnection> {
        self.tallies.as_ref().map(|tallies| tallies.accepted())
    }

    /// Whether anybody wants to know which address of ours a client connected to. It costs a system call.
    pub fn asks_for_local_address(&self) -> bool {
        self.model.names(RequestFact::ServerAddr)
    }

    /// What is due from time to time: log lines go out, old connections close.
    pub fn tick(&self) {
        self.logs.flush();
        self.upstreams.iter().for_each(Upstream::prune);
    }

    /// One exchange, from the request to the head of its answer.
    async fn answer(&self, visit: &Visit, admitted: Admitted) -> Result<Response<ReplyBody>, NoAnswer> {
        let Admitted { open, mut exchange, inbound } = admitted;
        let prospect = inbound.as_ref().ok().and_then(|inbound| self.prospect(inbound));
        let outcome = match inbound {
            Ok(inbound) => self.act(Asked { visit, exchange: &mut exchange, inbound }).await,
            Err(refused) => Outcome::Answered(*refused),
        };
        match outcome {
            Outcome::Answered(reply) => Ok(recorded(exchange, open, compression::applied(prospect, reply))),
            Outcome::Closed => {
                exchange.answered(reply::unanswered(), &HeaderMap::new());
                Err(NoAnswer)
            }
            Outcome::Switched(reply, switched) => {
                exchange.answered(reply.status(), reply.headers());
                self.tunnel_after(&visit.client, switched, exchange.into_tunnel());
                Ok(reply)
            }
        }
    }

    /// Finds the host of a request and opens its record.
    fn admit(&self, visit: &Visit, request: Request<ClientBody>) -> Admitted {
        let client = &*visit.client;
        let open = client.open_exchange();
        let (head, body) = request.into_parts();
        let id = RequestId::default();
        let found = self.find_host(visit, &head);
        let answering = found.as_ref().ok().map(|addressee| addressee.host).or(self.fallbacks[client.listener]);
        let client_address = self.client_address(client, answering, &head);
        let facts =
            RequestFacts { model: &self.model, client, client_address, head: &head, host: answering, id: &id };
        let exchange = Exchange::open(client_address.ip(), &head, &facts, self.logs.of(answering).clone());
        let exchange = exchange.counted(self.tallies.as_ref().map(|tallies| tallies.asked(answering)));
        if let Some(answer) = self.challenge(&head) {
            return Admitted { open, exchange, inbound: Err(Box::new(answer)) };
        }
        let inbound = match found {
            Ok(Addressee { host, header: host_header }) => {
                Ok(Box::new(Inbound { head, body, host, client_address, host_header, id }))
            }
            Err(refusal) => Err(Box::new(reply::refuse(&refusal, None, head.headers.get(header::ACCEPT)))),
        };
        Admitted { open, exchange, inbound }
    }

    /// Does what the request's route says.
    async fn act(&self, asked: Asked<'_>) -> Outcome {
        let inbound = &asked.inbound;
        let accept = inbound.head.headers.get(header::ACCEPT).cloned();
        let route = match self.find_route(inbound) {
            Ok(route) => route,
            Err(refusal) => {
                let pages = self.model.host(inbound.host).error_pages;
                return Outcome::Answered(self.refuse(&refusal, pages, accept.as_ref()));
            }
        };
        let ops = HeaderOp::resolve(&route.response_headers, &self.facts(&asked.visit.client, inbound));
        let answered = match &route.action {
            _ if !route.access.permit(inbound.client_address.ip()) => Err(Refusal::Denied),
            Action::Redirect(redirect) => rewrite::redirect_target(&inbound.head.uri, route, &redirect.path)
                .map(|target| reply::redirect(redirect, &inbound.host_header, &target))
                .map_err(|_| Refusal::BadPath),
            Action::Respond(respond) => reply::respond(respond),
            Action::Close => return Outcome::Closed,
            // In a box, so that requests without files need no room for one.
            Action::Files(files) => Box::pin(files::serve(files, &inbound.head)).await,
            Action::Status(page) => self.status_page(*page),
            Action::Forward(forward) => {
                match self.forward(Errand { route, forward, response_ops: &ops }, asked).await {
                    Ok(outcome) => return outcome,
                    Err(refusal) => Err(refusal),
                }
            }
        };
        let mut reply =
            answered.unwrap_or_else(|refusal| self.refuse(&refusal, route.error_pages, accept.as_ref()));
        ops.apply(reply.headers_mut());
        Outcome::Answered(reply)
    }

    /// Asks the application.
    async fn forward(&self, errand: Errand<'_>, asked: Asked<'_>) -> Result<Outcome, Refusal> {
        let Asked { visit, exchange, inbound } = asked;
        let Errand { forward, response_ops, .. } = errand;
        let offer = UpgradeOffer::of(&inbound.head, &inbound.body);
        let noting;
        let answer = {
            // In a scope of its own, so that the future has no room for it while it waits.
            let request = self.outbound(visit, &errand, inbound, offer.as_ref())?;
            let address = &self.model.upstream(forward.upstream).address;
            noting = exchange.notes().map(|notes| Noting::begin(notes, address, &request));
            let attempt = noting.as_ref().map(|noting| &noting.attempt);
            self.upstreams[forward.upstream.index()].send(request, attempt)
        }
        .await;
        if let Some(noting) = noting {
            noting.end(&answer);
        }
        match answer.inspect_err(|error| self.report(forward, error)).map_err(Refusal::Upstream)? {
            Answer::Response(response) => {
                if let Some(reply) = self.page_instead(&response, &errand) {
                    return Ok(Outcome::Answered(reply));
                }
                let (mut head, body) = response.into_parts();
                head.headers = rewrite::to_client(head.headers, response_ops);
                head.version = http::Version::HTTP_11;
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
        &self,
        visit: &Visit,
        errand: &Errand<'_>,
        inbound: Box<Inbound>,
        offer: Option<&UpgradeOffer>,
    ) -> Result<UpstreamRequest, Refusal> {
        let Errand { route, forward, .. } = errand;
        let request_ops = HeaderOp::resolve(&forward.request_headers, &self.facts(&visit.client, &inbound));
        let Inbound { mut head, body, host, client_address, host_header, .. } = *inbound;
        let body = request_body::of(body, forward, &head)?;
        visit.client.limit_write(forward.client_timeout);
        let hop = hop::of(self.model.upstream(forward.upstream), &head.headers, offer);
        let security = self.model.host(host).security;
        let introduction = visit.introduction(host_header, client_address, security);
        let mut headers = rewrite::to_application(&mut head, introduction);
        headers.apply(&request_ops);
        let target = rewrite::target(&head.uri, route, &forward.target).map_err(|_| Refusal::BadPath)?;
        let head = RequestHead { method: head.method, target, headers };
        Ok(UpstreamRequest::new(head, body, &hop, forward.read_timeout))
    }

    /// Lets a tunnel begin when the 101 has gone out.
    fn tunnel_after(&self, client: &ClientConnection, switched: Switched, record: TunnelRecord) {
        let drain = self.drain.clone();
        let counted = self.tallies.as_ref().map(|tallies| tallies.remains());
        client.take_over(Box::new(move |mut stream, early| {
            stream.become_tunnel();
            let client = End { stream, early };
            let tunnel = tunnel::run(client, switched.application, switched.idle_timeout, record);
            drain.spawn(Kind::Tunnel, tunnel.map(move |()| drop(counted)));
        }));
    }

    fn find_route(&self, inbound: &Inbound) -> Result<&Route, Refusal> {
        if !reply::is_allowed(&inbound.head.method) {
            return Err(Refusal::Method);
        }
        let path = path::normalise(inbound.head.uri.path()).map_err(|_| Refusal::BadPath)?;
        self.model.host(inbound.host).routes.select(&path).ok_or(Refusal::NoRoute)
    }

    /// What compression will make of the answer.
    fn prospect(&self, inbound: &Inbound) -> Option<Prospect<'_>> {
        Prospect::of(&self.model.host(inbound.host).compression, &inbound.head)
    }

    /// What templates may know of a request.
    fn facts<'a>(&'a self, client: &'a ClientConnection, inbound: &'a Inbound) -> RequestFacts<'a> {
        let Inbound { head, host, client_address, id, .. } = inbound;
        let client_address = *client_address;
        RequestFacts { model: &self.model, client, client_address, head, host: Some(*host), id }
    }

    fn report(&self, forward: &Forward, error: &UpstreamError) {
        if let UpstreamError::RequestBody(_) = error {
            return;
        }
        tracing::warn!("{}: {error}", self.model.upstream(forward.upstream));
    }
}

impl Meter for TunnelRecord {
    fn to_client(&mut self, bytes: u64) {
        self.sent(bytes);
    }

    fn to_application(&mut self, bytes: u64) {
        self.received(bytes);
    }
}

/// An answer that carries its record to its end.
fn recorded(mut exchange: Exchange, open: OpenExchange, reply: Reply) -> Response<ReplyBody> {
    exchange.answered(reply.status(), reply.headers());
    let reply = if exchange.is_head() { reply::without_body(reply) } else { reply };
    let record = Record::of_answer(exchange, open);
    reply.map(|content| ReplyBody::Message { content, record })
}
