//! ACME errors and advice.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use instant_acme::{Error, Problem};

use crate::model::acme::AcmeChallengeType;

/// Why no certificate was obtained.
#[derive(Debug)]
pub(super) enum AcmeError {
    /// The server rejected a request, with this problem document.
    Rejected(Box<Problem>),
    /// The CA could not validate a name; the text is its description.
    ValidationFailed(String),
    /// The server does not offer the configured challenge type.
    ChallengeNotOffered(AcmeChallengeType),
    /// The connection failed, or the response is not ACME.
    Unreachable(String),
    Timeout,
    /// The issued certificate, or a value in the order, cannot be used.
    Unusable(String),
    File(PathBuf, io::Error),
    /// A key, an account or a certificate request could not be created.
    Key(String),
}

impl AcmeError {
    /// Returns a function that adds a path to an I/O error.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> AcmeError {
        let path = path.to_owned();
        move |error| AcmeError::File(path, error)
    }

    /// Returns advice for the administrator.
    pub(super) fn advice(&self, challenge: AcmeChallengeType) -> &'static str {
        match self {
            AcmeError::Rejected(problem) => advice_on(problem.r#type.as_deref().unwrap_or_default()),
            AcmeError::ValidationFailed(_) if challenge == AcmeChallengeType::Http01 => {
                "check that each name resolves to this machine on the internet, and that port 80 reaches the proxy"
            }
            AcmeError::ValidationFailed(_) => {
                "check that each name resolves to this machine on the internet, and that port 443 reaches the proxy \
                 without TLS termination in between"
            }
            AcmeError::ChallengeNotOffered(_) => "set `challenge` in [acme] to the other type, or use another CA",
            AcmeError::Unreachable(_) | AcmeError::Timeout => {
                "check that this machine can reach the server and trusts its CA (the system roots, or `ca` in [acme])"
            }
            AcmeError::Unusable(_) => "contact the CA",
            AcmeError::File(_, error) => advice_on_file(error.kind()),
            AcmeError::Key(_) => OTHER_KEY,
        }
    }
}

impl From<Error> for AcmeError {
    fn from(error: Error) -> AcmeError {
        match error {
            Error::Api(problem) => AcmeError::Rejected(Box::new(problem)),
            Error::Timeout(_) => AcmeError::Timeout,
            other => AcmeError::Unreachable(other.to_string()),
        }
    }
}

impl fmt::Display for AcmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcmeError::Rejected(problem) => f.write_str(&describe(problem)),
            AcmeError::ValidationFailed(reason) => write!(f, "cannot validate a name: {reason}"),
            AcmeError::ChallengeNotOffered(kind) => {
                write!(f, "the server does not offer {} for a name", kind.name())
            }
            AcmeError::Unreachable(why) => write!(f, "request failed: {why}"),
            AcmeError::Timeout => f.write_str("timed out"),
            AcmeError::Unusable(why) => write!(f, "the issued certificate cannot be used: {why}"),
            AcmeError::File(path, error) => write!(f, "{}: {error}", path.display()),
            AcmeError::Key(why) => write!(f, "cannot create a key: {why}"),
        }
    }
}

fn advice_on_file(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on that disk",
        io::ErrorKind::ReadOnlyFilesystem => {
            "if systemd runs the proxy, add the directory to ReadWritePaths= (`systemctl edit gatepost`)"
        }
        _ => "give the user of the proxy write access to that directory (chgrp, chmod g+wx), or set another path",
    }
}

/// Formats an ACME problem document on one line, because a log event is one line.
pub(super) fn describe(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or("no details");
    let kind = problem.r#type.as_deref().unwrap_or_default().trim_start_matches(ERROR_URN);
    let subs = problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref());
    let all: Vec<&str> = [detail].into_iter().chain(subs).collect();
    let text = format!("{} ({kind})", all.join("; "));
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}

/// Returns advice for an error type of RFC 8555 section 6.7.
fn advice_on(kind: &str) -> &'static str {
    match kind.trim_start_matches(ERROR_URN) {
        "rateLimited" => {
            "the CA limits its rate of issuance; wait, or set another CA as `directory` in [acme], in a gitlab.rb as \
             letsencrypt['acme_production_endpoint']"
        }
        "caa" => {
            "the CAA record of the domain does not permit this CA; add the CA to the record, or use another CA"
        }
        "dns" | "connection" | "unauthorized" | "tls" => {
            "check that each name resolves to this machine on the internet, and that ports 80 and 443 reach the proxy"
        }
        "rejectedIdentifier" => "the CA does not issue certificates for this name; use a public DNS name",
        "invalidContact" | "unsupportedContact" => {
            "correct `contact` in [acme], in a gitlab.rb letsencrypt['contact_emails']"
        }
        "badCSR" | "badPublicKey" => OTHER_KEY,
        "accountDoesNotExist" => "remove the account file from the state directory to create a new account",
        "externalAccountRequired" => {
            "the CA requires external account binding, which is not supported; use another CA"
        }
        "serverInternal" => "the error is at the CA; no action is needed",
        _ => "see the error of the CA",
    }
}

const OTHER_KEY: &str = "set another `key` in [acme], in a gitlab.rb letsencrypt['key_type']";

const ERROR_URN: &str = "urn:ietf:params:acme:error:";

/// Maximum characters of a problem description; the server controls its length.
const MAX_DETAIL: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(json: &str) -> AcmeError {
        AcmeError::from(Error::Api(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn a_rejection_is_described_with_the_problem_document_and_advice() {
        let error = rejected(
            r#"{ "type": "urn:ietf:params:acme:error:rateLimited", "status": 429,
                 "detail": "too many certificates\nalready issued" }"#,
        );
        assert_eq!(error.to_string(), "too many certificates already issued (rateLimited)");
        assert!(error.advice(AcmeChallengeType::Http01).contains("wait"));
        assert!(
            rejected(r#"{ "type": "urn:ietf:params:acme:error:caa" }"#)
                .advice(AcmeChallengeType::Http01)
                .contains("CAA record")
        );
    }

    #[test]
    fn a_write_error_is_described_with_advice() {
        let advice =
            |kind: io::ErrorKind| AcmeError::File("a.key".into(), kind.into()).advice(AcmeChallengeType::Http01);
        assert!(advice(io::ErrorKind::PermissionDenied).contains("chgrp"));
        assert!(advice(io::ErrorKind::ReadOnlyFilesystem).contains("ReadWritePaths="));
        assert!(advice(io::ErrorKind::StorageFull).contains("free space"));
    }

    #[test]
    fn the_systemd_service_can_write_to_the_default_certificate_directory() {
        let unit = include_str!("../../deploy/gatepost.service");
        assert!(unit.lines().any(|line| line == "ReadWritePaths=-/etc/gitlab/ssl"), "{unit}");
    }

    #[test]
    fn a_problem_description_is_truncated() {
        let error = rejected(&format!(r#"{{ "detail": "{}" }}"#, "x".repeat(100_000)));
        assert!(error.to_string().len() < 1000);
    }
}
