//! HTTPS client for ACME servers: one connection for each request, each with a deadline.
//!
//! An order is a dozen requests in a few seconds, every two months. A connection pool would not reuse any
//! connection.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::CryptoProvider;
use tokio::net::TcpStream;

use crate::model::acme::AcmeServerTrust;
use crate::model::host::HostName;
use crate::model::upstream::{UpstreamProtocol, UpstreamTlsSettings, UpstreamTrust};
use crate::tls::files::file_error::FileError;
use crate::tls::upstream_client::UpstreamTlsClient;

/// HTTPS client with one connection for each request.
#[derive(Clone)]
pub(super) struct AcmeHttpClient {
    trust: UpstreamTrust,
    provider: Arc<CryptoProvider>,
    /// The last `Retry-After` of a 429 or 503 response.
    retry_after: Arc<Mutex<Option<SystemTime>>>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl AcmeHttpClient {
    /// Returns a client with the configured trust anchors.
    pub(super) fn new(trust: &AcmeServerTrust, provider: &Arc<CryptoProvider>) -> AcmeHttpClient {
        let trust = match trust {
            AcmeServerTrust::System => UpstreamTrust::System,
            AcmeServerTrust::File(file) => UpstreamTrust::CaFile(file.clone()),
        };
        AcmeHttpClient { trust, provider: provider.clone(), retry_after: Arc::default() }
    }

    /// Returns the TLS client for a host. The trust anchors are loaded for each connection, so that changed
    /// system roots apply.
    pub(super) fn tls(&self, host: HostName) -> Result<UpstreamTlsClient, Vec<FileError>> {
        let settings = UpstreamTlsSettings { trust: self.trust.clone(), name: host, identity: None };
        UpstreamTlsClient::new(&settings, UpstreamProtocol::Http1, &self.provider)
    }

    /// Returns and clears the time of the last `Retry-After`.
    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        self.retry_after.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, BoxError> {
        let response = tokio::time::timeout(DEADLINE, self.exchange(request)).await;
        let response = response.map_err(|_| "no response within 30 s")??;
        let is_unavailable =
            matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if is_unavailable {
            let requested =
                response.headers().get(header::RETRY_AFTER).and_then(|value| retry_time(value, SystemTime::now()));
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = requested;
        }
        // ACME servers send errors as problem documents (RFC 8555 section 6.7). Any other error is from an
        // intermediary or a broken server.
        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !is_problem(response.headers()) {
            return Err(format!("response with status {status}").into());
        }
        Ok(BytesResponse::from(response))
    }

    async fn exchange(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
        let uri = std::mem::take(request.uri_mut());
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
        let authority = authority.ok_or("the server refers to a URL that is not https")?.clone();
        let name = HostName::parse(authority.host()).map_err(|_| "the server refers to an invalid host name")?;
        let tls =
            self.tls(name).map_err(|problems| problems.first().map(ToString::to_string).unwrap_or_default())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((host, authority.port_u16().unwrap_or(443))).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls.connect(tcp).await?)).await?;
        *request.uri_mut() = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
        let exchange = async move {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
            Ok::<_, BoxError>(Response::from_parts(head, Full::new(body)))
        };
        // The connection closes with the exchange, which owns its only handle.
        let (response, _) = tokio::join!(exchange, connection);
        response
    }
}

impl HttpClient for AcmeHttpClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move { client.send(request).await.map_err(Error::Other) })
    }
}

/// Returns whether a response is a problem document (RFC 9457 section 3).
fn is_problem(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|it| it.to_ascii_lowercase().starts_with(b"application/problem+json"))
}

/// Parses `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_time(value: &HeaderValue, now: SystemTime) -> Option<SystemTime> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => now.checked_add(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

/// Maximum duration of a request, from name resolution to the last byte of the response.
const DEADLINE: Duration = Duration::from_secs(30);

/// Maximum bytes of a response body. A chain has some kilobytes.
const MAX_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn retry_after_is_parsed_as_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let parsed = |text| retry_time(&HeaderValue::from_static(text), now);
        assert_eq!(parsed("60"), Some(now + Duration::from_secs(60)));
        assert_eq!(parsed("Thu, 01 Jan 1970 02:00:00 GMT"), Some(UNIX_EPOCH + Duration::from_secs(7200)));
        for invalid in ["", "soon", "-5", "99999999999999999999"] {
            assert_eq!(parsed(invalid), None, "{invalid}");
        }
    }
}
