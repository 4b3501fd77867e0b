//! What the connection to the application is used for.

use http::header::{self, HeaderMap};
use http::uri::Scheme;

use super::upgrade::UpgradeOffer;
use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use crate::net::upstream::request::{Hop, TrailersWanted};

/// One exchange, a tunnel if one is offered, or one stream of many: HTTP/2 has no switching of protocols.
pub(super) fn of(spec: &UpstreamSpec, headers: &HeaderMap, offer: Option<&UpgradeOffer>) -> Hop {
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
