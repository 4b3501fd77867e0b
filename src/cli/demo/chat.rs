//! The stand-in for Mattermost: a chat for every browser window that opens it.
//!
//! The page and its WebSocket live under Mattermost's own addresses, `/` and `/api/v4/websocket`, so
//! the routes written for Mattermost fit. Everything is bounded: how many take part, how long a message
//! is, how much is remembered, how long a slow reader is waited for.

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

/// The chat, shared by all its connections.
#[derive(Clone)]
pub(super) struct ChatApp {
    room: Arc<ChatRoom>,
    seats: Arc<Semaphore>,
}

impl ChatApp {
    pub(super) fn new() -> ChatApp {
        ChatApp { room: Arc::new(ChatRoom::new()), seats: Arc::new(Semaphore::new(SEATS)) }
    }

    /// Answers one request; a WebSocket goes on in a task of its own.
    pub(super) async fn respond(self, request: Request<Incoming>) -> DemoResponse {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/api/v4/websocket") => self.open_websocket(request),
            (&Method::GET | &Method::HEAD, path) => get(path),
            _ => response::sentence(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD have a meaning here."),
        }
    }

    fn open_websocket<B>(self, mut request: Request<B>) -> DemoResponse {
        if !comes_from_our_page(request.headers()) {
            return response::sentence(
                StatusCode::FORBIDDEN,
                "The Origin header names another host than the Host header. Pages of other sites may not join; \
                 a proxy must pass Host on unchanged.",
            );
        }
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            return response::sentence(StatusCode::SERVICE_UNAVAILABLE, "The chat is full. Try again later.");
        };
        match create_response_with_body(&request, || Empty::new().boxed()) {
            Ok(accepted) => {
                tokio::spawn(self.take_part(hyper::upgrade::on(&mut request), seat));
                accepted
            }
            Err(why) => not_a_websocket(&why.to_string()),
        }
    }

    async fn take_part(self, upgrade: OnUpgrade, _seat: OwnedSemaphorePermit) {
        match upgrade.await {
            Ok(upgraded) => session::hold(TokioIo::<Upgraded>::new(upgraded), &self.room).await,
            Err(error) => tracing::debug!(%error, "a WebSocket of the chat was not taken up"),
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
        _ => response::page_file(path).unwrap_or_else(|| {
            response::sentence(
                StatusCode::NOT_FOUND,
                "The stand-in for Mattermost has nothing here. The chat is at /",
            )
        }),
    }
}

/// Any site can make a browser open a WebSocket to any other; only the origin tells (RFC 6455 section
/// 10.2). Programs send none and may join.
fn comes_from_our_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host_of_origin = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    matches!((host_of_origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

/// The header tells a client of another version which one is spoken (RFC 6455 section 4.4).
fn not_a_websocket(why: &str) -> DemoResponse {
    let text = format!("This address opens a WebSocket, and the request does not ask for one properly: {why}");
    let mut answer = response::sentence(StatusCode::BAD_REQUEST, &text);
    answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

const SEATS: usize = 1000;

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
    async fn a_full_chat_takes_nobody_until_somebody_leaves() {
        let chat = ChatApp { room: Arc::new(ChatRoom::new()), seats: Arc::new(Semaphore::new(1)) };
        let ask = || {
            let request = Request::builder()
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
                .header(header::SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==");
            chat.clone().open_websocket(request.body(()).expect("a request")).status()
        };
        assert_eq!(ask(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(ask(), StatusCode::SERVICE_UNAVAILABLE);
        // No connection is behind the first request, so its task ends as soon as it may run.
        tokio::task::yield_now().await;
        assert_eq!(ask(), StatusCode::SWITCHING_PROTOCOLS);
    }

    #[test]
    fn only_the_chats_own_pages_may_join_from_a_browser() {
        assert!(comes_from_our_page(&headers("chat.example:8443", "https://chat.example:8443")));
        assert!(comes_from_our_page(&HeaderMap::new()), "a program sends no Origin");
        assert!(!comes_from_our_page(&headers("chat.example:8443", "https://chat.example")));
        assert!(!comes_from_our_page(&headers("chat.example", "https://evil.example")));
        assert!(!comes_from_our_page(&headers("chat.example", "null")));
    }
}
