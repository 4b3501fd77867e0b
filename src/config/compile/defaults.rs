//! Built-in default values, for keys that neither the host nor `[defaults]` sets.
//!
//! They are those of the nginx configuration of the GitLab package, where it has any.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::config::document::HeaderSetting;
use crate::model::client_address::RealIpSource;
use crate::model::host::HostPattern;
use crate::model::tls::{CipherPreference, SessionResumption, TlsVersions};
use crate::model::{BodyLimit, CertificateFiles, HttpVersions, LogLevel, LogTarget, ProxyProtocolMode};

pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const LOG_LEVEL: LogLevel = LogLevel::Info;

pub(super) const TLS: bool = true;
pub(super) const HTTP_VERSIONS: HttpVersions = HttpVersions::Http2And1;
pub(super) const TLS_VERSIONS: TlsVersions = TlsVersions::Tls12And13;
/// A client prefers AES or ChaCha20 by the speed of its processor.
pub(super) const CIPHER_PREFERENCE: CipherPreference = CipherPreference::Client;
pub(super) const SESSION_RESUMPTION: SessionResumption = SessionResumption::Tickets;

pub(super) const MAX_REQUEST_BODY: BodyLimit = BodyLimit::Unlimited;
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// 1 h: GitLab sends no data for a long time during clones and exports.
pub(super) const UPSTREAM_READ_TIMEOUT: Duration = Duration::from_secs(3600);
pub(super) const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// The number of concurrent requests of a busy server. Idle connections above the limit are closed and would have
/// to be opened again for the next request; those below it are closed after [`UPSTREAM_KEEPALIVE_TIMEOUT`].
pub(super) const UPSTREAM_KEEPALIVE_CONNECTIONS: usize = 1024;
/// Half of the idle timeout of Mattermost (60 s), so that the proxy closes idle connections first.
pub(super) const UPSTREAM_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// An absolute path, so that it is the same with a `gitlab.rb`.
const ACME_STATE_DIRECTORY: &str = "/etc/gitlab/ssl/acme";

/// One worker for each CPU core available to the process.
pub(super) fn workers() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Two years, the value that HSTS preload lists recommend.
pub(super) fn hsts() -> HeaderSetting {
    HeaderSetting::Send(HeaderValue::from_static("max-age=63072000"))
}

/// A policy that the upstream sends stays, because it may be stricter.
pub(super) fn referrer_policy() -> HeaderSetting {
    HeaderSetting::SendIfAbsent(HeaderValue::from_static("strict-origin-when-cross-origin"))
}

pub(super) fn access_log() -> LogTarget {
    LogTarget::File(PathBuf::from("/var/log/gatepost/access.log"))
}

/// The default of nginx `real_ip_header` (`X-Real-IP`), as in the GitLab package; with the PROXY protocol, its
/// header.
pub(super) fn address_source(proxy_protocol: ProxyProtocolMode) -> RealIpSource {
    match proxy_protocol {
        ProxyProtocolMode::None => RealIpSource::Header(HeaderName::from_static("x-real-ip")),
        ProxyProtocolMode::ProxyProtocol => RealIpSource::ProxyProtocol,
    }
}

/// Returns a port on all IPv4 and IPv6 addresses of the machine.
pub(super) fn all_addresses(port: u16) -> [SocketAddr; 2] {
    [SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
}

/// Next to the certificates: an account that can write those can also write the ACME state.
pub(super) fn acme_state_directory() -> PathBuf {
    PathBuf::from(ACME_STATE_DIRECTORY)
}

/// The certificate paths of the GitLab package. The files of a wildcard host are named after the domain below `*.`.
pub(super) fn certificate(host: &HostPattern) -> CertificateFiles {
    let file = |ending: &str| PathBuf::from(format!("/etc/gitlab/ssl/{}.{ending}", host.name()));
    CertificateFiles { chain: file("crt"), key: file("key"), passwords: None }
}
