//! HTTPS to an authority: one connection for each request, each under a deadline.
//!
//! An order is a dozen requests in a few seconds, every two months. A pool would keep nothing that is used again.

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

/// Speaks to authorities.
#[derive(Clone)]
pub(super) struct AcmeHttpClient {
    trust: UpstreamTrust,
    provider: Arc<CryptoProvider>,
    /// What a refusal said last about when to come back.
    retry_after: Arc<Mutex<Option<SystemTime>>>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl AcmeHttpClient {
    pub(super) fn new(trust: &AcmeServerTrust, provider: &Arc<CryptoProvider>) -> AcmeHttpClient {
        let trust = match trust {
            AcmeServerTrust::System => UpstreamTrust::System,
            AcmeServerTrust::File(file) => UpstreamTrust::CaFile(file.clone()),
        };
        AcmeHttpClient { trust, provider: provider.clone(), retry_after: Arc::default() }
    }

    /// What TLS to a host needs. Read anew for each connection, so that new authorities of the system count.
    pub(super) fn tls(&self, host: HostName) -> Result<UpstreamTlsClient, Vec<FileError>> {
        let terms = UpstreamTlsSettings { trust: self.trust.clone(), name: host, identity: None };
        UpstreamTlsClient::new(&terms, UpstreamProtocol::Http1, &self.provider)
    }

    /// Until when the last refusal asked for patience; forgotten with the asking.
    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        self.retry_after.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, BoxError> {
        let response = tokio::time::timeout(DEADLINE, self.exchange(request)).await;
        let response = response.map_err(|_| "it does not answer in time")??;
        let is_refusal =
            matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if is_refusal {
            let asked =
                response.headers().get(header::RETRY_AFTER).and_then(|value| moment(value, SystemTime::now()));
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        }
        // What is an authority's own refusal says so (RFC 8555 section 6.7); all else is in between, or broken.
        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !is_problem(response.headers()) {
            return Err(format!("it answers with status {status}").into());
        }
        Ok(BytesResponse::from(response))
    }

    async fn exchange(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
        let uri = std::mem::take(request.uri_mut());
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
        let authority = authority.ok_or("it names an address that is no https URL")?.clone();
        let name = HostName::parse(authority.host()).map_err(|_| "it names an impossible host")?;
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
        // The connection ends with the exchange, which has the only handle to it.
        let (answered, _) = tokio::join!(exchange, connection);
        answered
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

/// RFC 9457 section 3.
fn is_problem(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|it| it.to_ascii_lowercase().starts_with(b"application/problem+json"))
}

/// RFC 9110 section 10.2.3: seconds, or a date.
fn moment(value: &HeaderValue, now: SystemTime) -> Option<SystemTime> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => now.checked_add(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

/// For one request, from the look-up of the name to the last byte.
const DEADLINE: Duration = Duration::from_secs(30);

/// In bytes. A chain is some kilobytes.
const MAX_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let of = |text| moment(&HeaderValue::from_static(text), now);
        assert_eq!(of("60"), Some(now + Duration::from_secs(60)));
        assert_eq!(of("Thu, 01 Jan 1970 02:00:00 GMT"), Some(UNIX_EPOCH + Duration::from_secs(7200)));
        for nonsense in ["", "soon", "-5", "99999999999999999999"] {
            assert_eq!(of(nonsense), None, "{nonsense}");
        }
    }
}
