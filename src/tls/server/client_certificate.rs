//! Client certificate fields as nginx's `$ssl_client_*` variables expose them.
//!
//! Each value is formatted on first use and kept as long as the connection.

use std::cell::OnceCell;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::tls::files::distinguished_name;

/// Verified client certificate with lazily formatted `$ssl_client_*` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificateInfo {
    der: CertificateDer<'static>,
    names: OnceCell<CertificateNames>,
    fingerprint: OnceCell<String>,
    pem: OnceCell<String>,
    escaped_pem: OnceCell<String>,
}

/// Subject, issuer and serial number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct CertificateNames {
    subject: String,
    issuer: String,
    serial: String,
}

impl ClientCertificateInfo {
    /// Takes the first certificate of a chain, that of the client; `None` for an empty chain.
    pub(crate) fn new(chain: &[CertificateDer<'static>]) -> Option<ClientCertificateInfo> {
        let der = chain.first()?.clone();
        Some(ClientCertificateInfo {
            der,
            names: OnceCell::new(),
            fingerprint: OnceCell::new(),
            pem: OnceCell::new(),
            escaped_pem: OnceCell::new(),
        })
    }

    /// Returns `$ssl_client_s_dn`: the subject in the form of RFC 2253.
    pub fn subject(&self) -> &str {
        &self.names().subject
    }

    /// Returns `$ssl_client_i_dn`: the issuer in the form of RFC 2253.
    pub fn issuer(&self) -> &str {
        &self.names().issuer
    }

    /// Returns `$ssl_client_serial`: the serial number in upper-case hexadecimal.
    pub fn serial(&self) -> &str {
        &self.names().serial
    }

    /// Returns `$ssl_client_fingerprint`: the SHA-1 of the certificate in lower-case hexadecimal. It identifies a
    /// certificate that is verified otherwise; SHA-1 itself proves nothing.
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| {
            let mut text = String::new();
            for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref() {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        })
    }

    /// Returns `$ssl_client_raw_cert`: PEM with line breaks, which is not a valid header value.
    pub fn pem(&self) -> &str {
        self.pem.get_or_init(|| {
            let base64 = BASE64.encode(&self.der);
            let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
            let mut rest = base64.as_str();
            while !rest.is_empty() {
                let (line, after) = rest.split_at(rest.len().min(64));
                text.extend([line, "\n"]);
                rest = after;
            }
            text + "-----END CERTIFICATE-----\n"
        })
    }

    /// Returns `$ssl_client_cert`: PEM for a header value. nginx folds it over several lines. Line folding is
    /// obsolete, and recipients must treat each fold as a space (RFC 9112 section 5.2), so line breaks are spaces
    /// here.
    pub fn header_pem(&self) -> String {
        self.pem().trim_end().replace('\n', " ")
    }

    /// Returns `$ssl_client_escaped_cert`: PEM, percent-encoded.
    pub fn escaped_pem(&self) -> &str {
        self.escaped_pem.get_or_init(|| {
            let mut text = String::new();
            for byte in self.pem().bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        text.push(char::from(byte));
                    }
                    _ => drop(write!(text, "%{byte:02X}")),
                }
            }
            text
        })
    }

    fn names(&self) -> &CertificateNames {
        // The handshake has parsed the certificate, so parsing succeeds.
        self.names.get_or_init(|| {
            X509Certificate::from_der(&self.der)
                .map(|(_, it)| CertificateNames::from_certificate(&it))
                .unwrap_or_default()
        })
    }
}

impl CertificateNames {
    fn from_certificate(certificate: &X509Certificate<'_>) -> CertificateNames {
        let mut serial = String::new();
        // DER puts a zero byte before a number whose first bit is set.
        for byte in certificate.raw_serial().iter().skip_while(|byte| **byte == 0) {
            let _ = write!(serial, "{byte:02X}");
        }
        CertificateNames {
            subject: distinguished_name::text(certificate.subject()),
            issuer: distinguished_name::text(certificate.issuer()),
            serial: if serial.is_empty() { "00".to_owned() } else { serial },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> ClientCertificateInfo {
        let der = BASE64.decode(CERTIFICATE.concat()).unwrap();
        ClientCertificateInfo::new(&[CertificateDer::from(der)]).unwrap()
    }

    /// The expected values are the output of OpenSSL 3.0 for the certificate.
    #[test]
    fn values_are_formatted_as_by_openssl() {
        let certificate = certificate();
        let name = r#"organizationIdentifier=VATDE-1,serialNumber=\ 5\ ,emailAddress=a@b.de,CN=J\C3\B6rg \"x\" \<a\>,UID=jd+OU=\#1,O=Beispiel\, GmbH,C=DE"#;
        assert_eq!(certificate.subject(), name);
        assert_eq!(certificate.issuer(), name);
        assert_eq!(certificate.serial(), "1E4BB19018052F9F4FC6A1E7FDE2E71C2F7EFABE");
        assert_eq!(certificate.fingerprint(), "3a7170921bfa45ea73af622891ab8dbc4771b3db");
    }

    #[test]
    fn pem_values_are_valid_header_values() {
        let certificate = certificate();
        let begins =
            "-----BEGIN CERTIFICATE----- MIICfjCCAiWgAwIBAgIUHkuxkBgFL59PxqHn/eLnHC9++r4wCgYIKoZIzj0EAwIw ";
        assert!(certificate.header_pem().starts_with(begins), "{}", certificate.header_pem());
        assert!(http::HeaderValue::from_str(&certificate.header_pem()).is_ok());
        assert!(certificate.escaped_pem().starts_with("-----BEGIN%20CERTIFICATE-----%0AMIICfj"));
        assert!(certificate.escaped_pem().ends_with("-----END%20CERTIFICATE-----%0A"));
    }

    const CERTIFICATE: [&str; 9] = [
        "MIICfjCCAiWgAwIBAgIUHkuxkBgFL59PxqHn/eLnHC9++r4wCgYIKoZIzj0EAwIwgZQxCzAJBgNVBAYTAkRFMRcwFQYDVQQK",
        "DA5CZWlzcGllbCwgR21iSDEdMAkGA1UECwwCIzEwEAYKCZImiZPyLGQBAQwCamQxFjAUBgNVBAMMDUrDtnJnICJ4IiA8YT4x",
        "FTATBgkqhkiG9w0BCQEWBmFAYi5kZTEMMAoGA1UEBRMDIDUgMRAwDgYDVQRhDAdWQVRERS0xMB4XDTI2MTEyMzIyMDU1OFoX",
        "DTM2MTEyMDIyMDU1OFowgZQxCzAJBgNVBAYTAkRFMRcwFQYDVQQKDA5CZWlzcGllbCwgR21iSDEdMAkGA1UECwwCIzEwEAYK",
        "CZImiZPyLGQBAQwCamQxFjAUBgNVBAMMDUrDtnJnICJ4IiA8YT4xFTATBgkqhkiG9w0BCQEWBmFAYi5kZTEMMAoGA1UEBRMD",
        "IDUgMRAwDgYDVQRhDAdWQVRERS0xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENW2VRdL7QiPAIRi9BC0a7dpKkHwMImY5",
        "BeFZcB7qQERtqAoCfmHAFE3CWsiY0bkLMYh23hPTpnUOqe4Hj4+e1qNTMFEwHQYDVR0OBBYEFNkpJMT5klHfjt81FlkmK2AL",
        "/xe2MB8GA1UdIwQYMBaAFNkpJMT5klHfjt81FlkmK2AL/xe2MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIg",
        "b2+aQ029gjcRTWZiOIWKHhmx2i/zLbLlzzo7laYXz6YCIAp2TErZu9YqfB+rEWQ8JWqzOueuUEA1h22KG1a1U4TU",
    ];
}
