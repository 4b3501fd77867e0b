//! `$ssl_*` variables: the TLS session of a connection and the client certificate.

use super::append::write_value;
use crate::downstream::connection::DownstreamSecurity;
use crate::model::host::HostName;
use crate::model::template::VariablePresence;
use crate::model::tls::{CipherSuite, HandshakeKind};
use crate::model::variable::NamedRequestVariable;
use crate::tls::server::client_certificate::ClientCertificateInfo;
use crate::tls::server::session_info::TlsSessionInfo;

/// Appends a variable of the TLS connection; others are absent, and all are absent on a plain connection.
pub(super) fn append_named(
    security: &DownstreamSecurity,
    variable: NamedRequestVariable,
    out: &mut Vec<u8>,
) -> VariablePresence {
    let DownstreamSecurity::Tls { server_name, session, client, .. } = security else {
        return VariablePresence::Absent;
    };
    let (session, client) = (session.as_ref(), client.as_deref());
    match variable {
        NamedRequestVariable::SslProtocol => write_value(out, session.map(TlsSessionInfo::protocol)),
        NamedRequestVariable::SslCipher => {
            write_value(out, session.and_then(TlsSessionInfo::suite).map(CipherSuite::name))
        }
        NamedRequestVariable::SslCurve => write_value(out, session.and_then(TlsSessionInfo::curve)),
        NamedRequestVariable::SslServerName => write_value(out, server_name.as_ref().map(HostName::as_str)),
        NamedRequestVariable::SslSessionReused => {
            write_value(out, session.map(|it| if it.handshake_kind == HandshakeKind::Resumed { "r" } else { "." }))
        }
        // A certificate that fails verification aborts the handshake, so a present one is valid.
        NamedRequestVariable::SslClientVerify => {
            write_value(out, Some(if client.is_some() { "SUCCESS" } else { "NONE" }))
        }
        NamedRequestVariable::SslClientSDn => write_value(out, client.map(ClientCertificateInfo::subject)),
        NamedRequestVariable::SslClientIDn => write_value(out, client.map(ClientCertificateInfo::issuer)),
        NamedRequestVariable::SslClientSerial => write_value(out, client.map(ClientCertificateInfo::serial)),
        NamedRequestVariable::SslClientFingerprint => {
            write_value(out, client.map(ClientCertificateInfo::fingerprint))
        }
        NamedRequestVariable::SslClientCert => write_value(out, client.map(ClientCertificateInfo::header_pem)),
        NamedRequestVariable::SslClientRawCert => write_value(out, client.map(ClientCertificateInfo::pem)),
        NamedRequestVariable::SslClientEscapedCert => {
            write_value(out, client.map(ClientCertificateInfo::escaped_pem))
        }
        _ => VariablePresence::Absent,
    }
}
