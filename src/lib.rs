//! Gatepost: a reverse proxy that replaces GitLab's bundled nginx.
//!
//! # One request, from accept to access log
//!
//! 1. A worker thread ([`server::worker`]) accepts a connection with [`net::listener::accept`] and keeps it until
//!    it closes.
//! 2. [`downstream::serve_connection`] serves the connection: the PROXY protocol header
//!    ([`net::proxy_protocol`]), the TLS handshake ([`downstream::handshake`]) with the TLS configuration that
//!    [`tls::server::sni`] selects by SNI, then HTTP/1 or HTTP/2 by ALPN.
//! 3. For each request head it calls the service that [`proxy::Proxy::service`] has created for the connection,
//!    with the body as [`downstream::request_body::IncomingBody`].
//! 4. The proxy extracts the host ([`proxy::requested_host`]), selects the virtual host in the
//!    [`HostTable`](model::host::HostTable) of the listener, and determines the client address
//!    ([`ClientAddressPolicy::resolve`](model::client_address::ClientAddressPolicy::resolve)). An invalid request
//!    becomes a [`proxy::error::ProxyError`] and a [`proxy::local_response`].
//! 5. It opens the [`ExchangeRecord`](telemetry::access_log::ExchangeRecord), which is the access log line of the
//!    exchange.
//! 6. [`RouteTable::select`](model::route::RouteTable::select) selects the route by the normalised path
//!    ([`model::path::normalize`]), and [`AccessRules::allows`](model::access::AccessRules::allows) decides about
//!    the client address.
//! 7. The route has one [`RouteAction`](model::route::RouteAction): a redirect or fixed response
//!    ([`proxy::local_response`]), a static file ([`proxy::files`]), a status endpoint ([`telemetry::status`]),
//!    or forwarding.
//! 8. To forward the request, [`proxy::rewrite`] builds the headers and the target, and
//!    [`UpstreamRequest::new`](upstream::request::UpstreamRequest::new) adds the
//!    [`LimitedBody`](upstream::request_body::LimitedBody).
//! 9. [`Upstream::send`](upstream::Upstream::send) takes an idle connection or opens one
//!    ([`upstream::connector::Connector`]), sends the request, retries once if that is safe, and returns an
//!    [`UpstreamResponse`](upstream::response::UpstreamResponse).
//! 10. [`proxy::rewrite::to_client`] converts the response head, the response is compressed if the host enables
//!     it, and [`proxy::response_body::ResponseBody`] attaches the access log record to the body.
//! 11. The connection writes the response as its frames arrive. After a 101, [`proxy::tunnel`] copies bytes in
//!     both directions instead.
//! 12. When the body or the tunnel ends, its record is dropped and formats the line, which
//!     [`telemetry::access_log::writer`] writes to its file.
//!
//! # Modules
//!
//! From the lowest layer to the highest; a module imports only modules of lower layers, which
//! `tests/architecture.rs` checks.
//!
//! | module | contents |
//! |---|---|
//! | [`model`] | The effective configuration: hosts, routes, header rules, limits. |
//! | [`sys`] | Operating system interfaces: accounts, descriptor limits, signals. |
//! | [`drain`] | Task tracking and graceful shutdown. |
//! | [`net`] | Sockets, buffers and timers; knows no HTTP and no configuration. |
//! | [`http1`] | HTTP/1 codec parts shared by downstream and upstream connections. |
//! | [`telemetry`] | Access logs, metrics and status endpoints. |
//! | [`config`] | Configuration loading: TOML and `gitlab.rb` into a model. |
//! | [`tls`] | Certificates, keys and TLS configurations. |
//! | [`acme`] | ACME client (RFC 8555): obtains and renews certificates. |
//! | [`upstream`] | Sends requests to upstreams over pooled connections. |
//! | [`downstream`] | Serves client connections: PROXY protocol, TLS, HTTP/1, HTTP/2. |
//! | [`proxy`] | Handles a request: host, route, access, action, response. |
//! | [`server`] | Prepares everything that can fail, then runs the workers. |
//! | [`cli`] | Command dispatch: `serve`, `check`, `doctor`, `explain`, `demo`. |

pub mod acme;
pub mod cli;
pub mod config;
pub mod downstream;
pub mod drain;
pub mod http1;
pub mod model;
pub mod net;
pub mod proxy;
pub mod server;
pub mod sys;
pub mod telemetry;
pub mod tls;
pub mod upstream;
