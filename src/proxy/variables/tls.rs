//! What nginx's `$ssl_…` variables stand for: the session of a connection, and the client's certificate.

use super::append::put;
use crate::downstream::connection::DownstreamSecurity;
use crate::model::host::HostName;
use crate::model::template::VariablePresence;
use crate::model::tls::{CipherSuite, HandshakeKind};
use crate::model::variable::NamedRequestVariable;
use crate::tls::server::client_certificate::ClientCertificateInfo;
use crate::tls::server::session_info::TlsSessionInfo;

/// Appends a fact of the encryption; others are absent, as all are on a plain connection.
pub(super) fn append_fact(
    security: &DownstreamSecurity,
    fact: NamedRequestVariable,
    out: &mut Vec<u8>,
) -> VariablePresence {
    let DownstreamSecurity::Tls { server_name, session, client, .. } = security else {
        return VariablePresence::Absent;
    };
    let (session, client) = (session.as_ref(), client.as_deref());
    match fact {
        NamedRequestVariable::SslProtocol => put(out, session.map(TlsSessionInfo::protocol)),
        NamedRequestVariable::SslCipher => put(out, session.and_then(TlsSessionInfo::suite).map(CipherSuite::name)),
        NamedRequestVariable::SslCurve => put(out, session.and_then(TlsSessionInfo::curve)),
        NamedRequestVariable::SslServerName => put(out, server_name.as_ref().map(HostName::as_str)),
        NamedRequestVariable::SslSessionReused => {
            put(out, session.map(|it| if it.beginning == HandshakeKind::Resumed { "r" } else { "." }))
        }
        // A certificate that does not verify ends the handshake.
        NamedRequestVariable::SslClientVerify => put(out, Some(if client.is_some() { "SUCCESS" } else { "NONE" })),
        NamedRequestVariable::SslClientSDn => put(out, client.map(ClientCertificateInfo::subject)),
        NamedRequestVariable::SslClientIDn => put(out, client.map(ClientCertificateInfo::issuer)),
        NamedRequestVariable::SslClientSerial => put(out, client.map(ClientCertificateInfo::serial)),
        NamedRequestVariable::SslClientFingerprint => put(out, client.map(ClientCertificateInfo::fingerprint)),
        NamedRequestVariable::SslClientCert => put(out, client.map(ClientCertificateInfo::header_pem)),
        NamedRequestVariable::SslClientRawCert => put(out, client.map(ClientCertificateInfo::pem)),
        NamedRequestVariable::SslClientEscapedCert => put(out, client.map(ClientCertificateInfo::escaped_pem)),
        _ => VariablePresence::Absent,
    }
}
