//! Demo chat application served over a WebSocket.
//!
//! The page and its WebSocket have the paths of Mattermost, `/` and `/api/v4/websocket`, so that routes for
//! Mattermost match. Connections, message length, history and the time for a slow reader are bounded.

mod room;
mod session;

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::html::Html;
use super::response::{self, DemoResponse};
use room::ChatRoom;

/// The chat application, shared by all of its connections.
#[derive(Clone)]
pub(super) struct ChatApp {
    room: Arc<ChatRoom>,
    permits: Arc<Semaphore>,
}

impl ChatApp {
    pub(super) fn new() -> ChatApp {
        ChatApp { room: Arc::new(ChatRoom::new()), permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }

    /// Responds to one request. An accepted WebSocket continues in its own task.
    pub(super) async fn respond(self, request: Request<Incoming>) -> DemoResponse {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/api/v4/websocket") => self.open_websocket(request),
            (&Method::GET | &Method::HEAD, path) => get(path),
            _ => response::text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are supported."),
        }
    }

    fn open_websocket<B>(self, mut request: Request<B>) -> DemoResponse {
        if !is_same_origin(request.headers()) {
            return response::text(
                StatusCode::FORBIDDEN,
                "The Origin header names another host than the Host header. Cross-origin pages are rejected; a \
                 proxy must forward Host unchanged.",
            );
        }
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return response::text(StatusCode::SERVICE_UNAVAILABLE, "The chat is full. Try again later.");
        };
        match create_response_with_body(&request, || Empty::new().boxed()) {
            Ok(accepted) => {
                tokio::spawn(self.run_session(hyper::upgrade::on(&mut request), permit));
                accepted
            }
            Err(error) => invalid_handshake(&error.to_string()),
        }
    }

    async fn run_session(self, upgrade: OnUpgrade, _permit: OwnedSemaphorePermit) {
        match upgrade.await {
            Ok(upgraded) => session::run(TokioIo::<Upgraded>::new(upgraded), &self.room).await,
            Err(error) => tracing::debug!(%error, "demo chat: upgrade failed"),
        }
    }
}

fn get(path: &str) -> DemoResponse {
    match path {
        "/" => {
            let mark = Html::literal(include_str!("pages/mark.svg"));
            response::page(StatusCode::OK, Html::fill(include_str!("pages/chat.html"), &[("mark", mark)]))
        }
        "/api/v4/system/ping" => response::json(&json!({ "status": "OK" })),
        _ => response::asset(path).unwrap_or_else(|| {
            response::text(StatusCode::NOT_FOUND, "The demo Mattermost has no page at this path. The chat is at /")
        }),
    }
}

/// Returns whether a WebSocket is opened by a page of this host. Any page can open a WebSocket to any host, so only
/// `Origin` shows the page (RFC 6455 section 10.2). Clients other than browsers send no `Origin` and are accepted.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin_host = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    matches!((origin_host, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

/// Rejects an invalid WebSocket handshake. The header names the supported version (RFC 6455 section 4.4).
fn invalid_handshake(error: &str) -> DemoResponse {
    let text =
        format!("This address opens a WebSocket, and the request is not a valid WebSocket handshake: {error}");
    let mut response = response::text(StatusCode::BAD_REQUEST, &text);
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

/// Concurrent WebSocket connections.
const MAX_CONNECTIONS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers
    }

    #[tokio::test]
    async fn a_full_chat_rejects_connections_until_one_closes() {
        let chat = ChatApp { room: Arc::new(ChatRoom::new()), permits: Arc::new(Semaphore::new(1)) };
        let open = || {
            let request = Request::builder()
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
                .header(header::SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==");
            chat.clone().open_websocket(request.body(()).expect("a request")).status()
        };
        assert_eq!(open(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(open(), StatusCode::SERVICE_UNAVAILABLE);
        // The first request has no connection, so its task ends when it is polled.
        tokio::task::yield_now().await;
        assert_eq!(open(), StatusCode::SWITCHING_PROTOCOLS);
    }

    #[test]
    fn only_same_origin_pages_are_accepted() {
        assert!(is_same_origin(&headers("chat.example:8443", "https://chat.example:8443")));
        assert!(is_same_origin(&HeaderMap::new()), "clients other than browsers send no Origin");
        assert!(!is_same_origin(&headers("chat.example:8443", "https://chat.example")));
        assert!(!is_same_origin(&headers("chat.example", "https://evil.example")));
        assert!(!is_same_origin(&headers("chat.example", "null")));
    }
}
