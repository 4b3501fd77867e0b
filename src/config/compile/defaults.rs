//! What holds where nothing is said. The values that nginx as GitLab configures it has, if it has any.

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

pub(super) const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);
pub(super) const LOG_LEVEL: LogLevel = LogLevel::Info;

pub(super) const TLS: bool = true;
pub(super) const HTTP: HttpVersions = HttpVersions::Http2And1;
pub(super) const TLS_VERSIONS: TlsVersions = TlsVersions::Tls12And13;
/// A client knows whether its processor is faster at AES or at ChaCha20.
pub(super) const CIPHER_ORDER: CipherPreference = CipherPreference::Client;
pub(super) const RESUMPTION: SessionResumption = SessionResumption::Tickets;

pub(super) const MAX_BODY: BodyLimit = BodyLimit::Unlimited;
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An hour, because GitLab's long requests (clones, exports) are silent for long.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(3600);
pub(super) const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// As many as a busy server has requests under way: whatever rests beyond it is closed, and opened anew for the
/// next request. They close by themselves when they have rested for long.
pub(super) const KEEPALIVE_CONNECTIONS: usize = 1024;
/// Half of what Mattermost waits before it closes a resting connection.
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Relative to nothing, so that a gitlab.rb has it too.
const ACME_STATE: &str = "/etc/gitlab/ssl/acme";

/// One worker for each core that the process may use.
pub(super) fn workers() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Two years, as lists of preloaded hosts ask for.
pub(super) fn hsts() -> HeaderSetting {
    HeaderSetting::Send(HeaderValue::from_static("max-age=63072000"))
}

pub(super) fn referrer_policy() -> HeaderSetting {
    HeaderSetting::Send(HeaderValue::from_static("strict-origin-when-cross-origin"))
}

pub(super) fn access_log() -> LogTarget {
    LogTarget::File(PathBuf::from("/var/log/gatepost/access.log"))
}

/// As the package sets it up: nginx's own default, unless connections say it by themselves.
pub(super) fn address_source(preamble: ProxyProtocolMode) -> RealIpSource {
    match preamble {
        ProxyProtocolMode::None => RealIpSource::Header(HeaderName::from_static("x-real-ip")),
        ProxyProtocolMode::ProxyProtocol => RealIpSource::ProxyProtocol,
    }
}

/// A port on every address of the machine.
pub(super) fn everywhere(port: u16) -> [SocketAddr; 2] {
    [SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
}

/// Beside the certificates: whoever may store those may store this.
pub(super) fn acme_state_directory() -> PathBuf {
    PathBuf::from(ACME_STATE)
}

/// Where the GitLab package keeps the certificate of a host. That of a wildcard is named after what all
/// its names end in.
pub(super) fn certificate(host: &HostPattern) -> CertificateFiles {
    let file = |ending: &str| PathBuf::from(format!("/etc/gitlab/ssl/{}.{ending}", host.name()));
    CertificateFiles { chain: file("crt"), key: file("key"), passwords: None }
}
