//! What nginx's `$ssl_…` variables stand for: the session of a connection, and the client's certificate.

use super::append::put;
use crate::downstream::connection::ConnectionSecurity;
use crate::model::host::HostName;
use crate::model::template::Presence;
use crate::model::tls::{Beginning, CipherSuite};
use crate::model::variable::RequestFact;
use crate::tls::server::client_certificate::ClientCertificate;
use crate::tls::server::session_info::TlsSession;

/// Appends a fact of the encryption; others are absent, as all are on a plain connection.
pub(super) fn append_fact(security: &ConnectionSecurity, fact: RequestFact, out: &mut Vec<u8>) -> Presence {
    let ConnectionSecurity::Tls { server_name, session, client, .. } = security else { return Presence::Absent };
    let (session, client) = (session.as_ref(), client.as_deref());
    match fact {
        RequestFact::SslProtocol => put(out, session.map(TlsSession::protocol)),
        RequestFact::SslCipher => put(out, session.and_then(TlsSession::suite).map(CipherSuite::name)),
        RequestFact::SslCurve => put(out, session.and_then(TlsSession::curve)),
        RequestFact::SslServerName => put(out, server_name.as_ref().map(HostName::as_str)),
        RequestFact::SslSessionReused => {
            put(out, session.map(|it| if it.beginning == Beginning::Resumed { "r" } else { "." }))
        }
        // A certificate that does not verify ends the handshake.
        RequestFact::SslClientVerify => put(out, Some(if client.is_some() { "SUCCESS" } else { "NONE" })),
        RequestFact::SslClientSDn => put(out, client.map(ClientCertificate::subject)),
        RequestFact::SslClientIDn => put(out, client.map(ClientCertificate::issuer)),
        RequestFact::SslClientSerial => put(out, client.map(ClientCertificate::serial)),
        RequestFact::SslClientFingerprint => put(out, client.map(ClientCertificate::fingerprint)),
        RequestFact::SslClientCert => put(out, client.map(ClientCertificate::header_pem)),
        RequestFact::SslClientRawCert => put(out, client.map(ClientCertificate::pem)),
        RequestFact::SslClientEscapedCert => put(out, client.map(ClientCertificate::escaped_pem)),
        _ => Presence::Absent,
    }
}
