//! Why no certificate was obtained, and what to look at.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use instant_acme::{Error, Problem};

use crate::model::acme::AcmeChallengeType;

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum AcmeError {
    /// The authority refuses, in its own words.
    Refused(Box<Problem>),
    /// What it saw when it looked for the answers to its questions.
    NotConfirmed(String),
    /// It offers no way that we know to show that a name is ours.
    NoChallenge(AcmeChallengeType),
    /// It cannot be reached, or speaks something else.
    Unreachable(String),
    Timeout,
    /// It issued something that cannot be used.
    Useless(String),
    File(PathBuf, io::Error),
    Key(String),
}

impl AcmeError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> AcmeError {
        let path = path.to_owned();
        move |error| AcmeError::File(path, error)
    }

    /// What to do about it.
    pub(super) fn advice(&self, challenge: AcmeChallengeType) -> &'static str {
        match self {
            AcmeError::Refused(problem) => advice_on(problem.r#type.as_deref().unwrap_or_default()),
            AcmeError::NotConfirmed(_) if challenge == AcmeChallengeType::Http01 => {
                "see that each name leads to this machine, from the internet, and that port 80 reaches the proxy"
            }
            AcmeError::NotConfirmed(_) => {
                "see that each name leads to this machine, from the internet, and that port 443 reaches the proxy \
                 without anything in between that ends TLS"
            }
            AcmeError::NoChallenge(_) => "name the other one as `challenge` in [acme], or use another authority",
            AcmeError::Unreachable(_) | AcmeError::Timeout => {
                "see that this machine can reach it, and which authorities it trusts (those of the system, or `ca` in \
                 [acme])"
            }
            AcmeError::Useless(_) => "ask the authority",
            AcmeError::File(_, error) => advice_on_file(error.kind()),
            AcmeError::Key(_) => OTHER_KEY,
        }
    }
}

impl From<Error> for AcmeError {
    fn from(error: Error) -> AcmeError {
        match error {
            Error::Api(problem) => AcmeError::Refused(Box::new(problem)),
            Error::Timeout(_) => AcmeError::Timeout,
            other => AcmeError::Unreachable(other.to_string()),
        }
    }
}

impl fmt::Display for AcmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcmeError::Refused(problem) => f.write_str(&describe(problem)),
            AcmeError::NotConfirmed(seen) => write!(f, "it could not confirm a name: {seen}"),
            AcmeError::NoChallenge(kind) => write!(f, "it does not offer {} for a name", kind.name()),
            AcmeError::Unreachable(why) => write!(f, "it cannot be spoken to: {why}"),
            AcmeError::Timeout => f.write_str("it took too long"),
            AcmeError::Useless(why) => write!(f, "what it issued cannot be used: {why}"),
            AcmeError::File(path, error) => write!(f, "{}: {error}", path.display()),
            AcmeError::Key(why) => write!(f, "no key could be made: {why}"),
        }
    }
}

fn advice_on_file(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
        io::ErrorKind::ReadOnlyFilesystem => {
            "if a systemd service runs the proxy, name that directory as ReadWritePaths= (`systemctl edit gatepost`)"
        }
        _ => "let the account of the proxy write to that directory (chgrp, chmod g+wx), or name another place",
    }
}

/// An authority's own words, without line breaks, which have no place in a log.
pub(super) fn describe(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or("it says no more");
    let kind = problem.r#type.as_deref().unwrap_or_default().trim_start_matches(PREFIX);
    let subs = problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref());
    let all: Vec<&str> = [detail].into_iter().chain(subs).collect();
    let text = format!("{} ({kind})", all.join("; "));
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}

/// RFC 8555 section 6.7.
fn advice_on(kind: &str) -> &'static str {
    match kind.trim_start_matches(PREFIX) {
        "rateLimited" => {
            "it limits how much it issues; wait, or use another authority as `directory` in [acme], in a gitlab.rb as \
             letsencrypt['acme_production_endpoint']"
        }
        "caa" => "the CAA record of the domain does not name this authority; add it, or use another authority",
        "dns" | "connection" | "unauthorized" | "tls" => {
            "see that each name leads to this machine, from the internet, and that ports 80 and 443 reach the proxy"
        }
        "rejectedIdentifier" => "it issues nothing for such a name; names must be public ones",
        "invalidContact" | "unsupportedContact" => {
            "correct `contact` in [acme], in a gitlab.rb letsencrypt['contact_emails']"
        }
        "badCSR" | "badPublicKey" => OTHER_KEY,
        "accountDoesNotExist" => "remove its file from the state directory, so that a new account is made",
        "externalAccountRequired" => {
            "it serves only customers that it knows, which is not supported; use another one"
        }
        "serverInternal" => "this is its own problem; nothing needs to be done here",
        _ => "see what it says",
    }
}

const OTHER_KEY: &str = "name another kind of `key` in [acme], in a gitlab.rb as letsencrypt['key_type']";

const PREFIX: &str = "urn:ietf:params:acme:error:";

/// Characters. An authority decides what it tells, but not how long our lines are.
const MAX_DETAIL: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> AcmeError {
        AcmeError::from(Error::Api(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_authority_with_advice() {
        let failure = refused(
            r#"{ "type": "urn:ietf:params:acme:error:rateLimited", "status": 429,
                 "detail": "too many certificates\nalready issued" }"#,
        );
        assert_eq!(failure.to_string(), "too many certificates already issued (rateLimited)");
        assert!(failure.advice(AcmeChallengeType::Http01).contains("wait"));
        assert!(
            refused(r#"{ "type": "urn:ietf:params:acme:error:caa" }"#)
                .advice(AcmeChallengeType::Http01)
                .contains("CAA record")
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_with_what_lets_it() {
        let advice =
            |kind: io::ErrorKind| AcmeError::File("a.key".into(), kind.into()).advice(AcmeChallengeType::Http01);
        assert!(advice(io::ErrorKind::PermissionDenied).contains("chgrp"));
        assert!(advice(io::ErrorKind::ReadOnlyFilesystem).contains("ReadWritePaths="));
        assert!(advice(io::ErrorKind::StorageFull).contains("make room"));
    }

    #[test]
    fn the_service_may_write_where_certificates_are_stored_by_default() {
        let unit = include_str!("../../deploy/gatepost.service");
        assert!(unit.lines().any(|line| line == "ReadWritePaths=-/etc/gitlab/ssl"), "{unit}");
    }

    #[test]
    fn nobody_makes_our_lines_long() {
        let failure = refused(&format!(r#"{{ "detail": "{}" }}"#, "x".repeat(100_000)));
        assert!(failure.to_string().len() < 1000);
    }
}
