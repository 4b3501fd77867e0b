//! One order: the names are shown to be ours, and the certificate is fetched.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, AuthorizationStatus, ChallengeType, Identifier, NewOrder, OrderStatus, RetryPolicy};
use rustls::crypto::CryptoProvider;

use super::csr;
use super::error::{self, AcmeError};
use super::storage::IssuedCertificate;
use crate::model::acme::{AcmeChallengeType, AcmeSettings};
use crate::model::host::HostName;
use crate::tls::server::challenges::ChallengeGuard;

/// Everything that an order needs.
pub(super) struct OrderContext<'a> {
    pub(super) account: &'a Account,
    pub(super) acme: &'a AcmeSettings,
    pub(super) offered: &'a ChallengeGuard<'a>,
    pub(super) provider: &'a Arc<CryptoProvider>,
}

impl OrderContext<'_> {
    /// Obtains a certificate for all of `names`, with a new key.
    pub(super) async fn complete(&self, names: &[HostName]) -> Result<IssuedCertificate, AcmeError> {
        let identifiers: Vec<Identifier> =
            names.iter().map(|name| Identifier::Dns(name.as_str().to_owned())).collect();
        let mut order = self.account.new_order(&NewOrder::new(&identifiers)).await?;
        self.publish_responses(&mut order).await?;
        if order.state().status != OrderStatus::Ready
            && let Some(failure) = self.wait_until_ready(&mut order).await
        {
            return Err(failure);
        }
        let request = csr::new_request(self.acme.key, names)?;
        order.finalize_csr(&request.der).await?;
        let chain = order.poll_certificate(&PATIENT).await?;
        Ok(IssuedCertificate { chain, key: request.key })
    }

    /// Has an answer ready for each question, and then asks the authority to ask. What it has found out lately it
    /// does not ask again.
    async fn publish_responses(&self, order: &mut instant_acme::Order) -> Result<(), AcmeError> {
        let kind = self.acme.challenge;
        let mut questions = order.authorizations();
        while let Some(question) = questions.next().await {
            let mut question = question?;
            if question.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = question.challenge(kind.into()).ok_or(AcmeError::NoChallenge(kind))?;
            let answer = challenge.key_authorization();
            match kind {
                AcmeChallengeType::Http01 => self.offered.publish_http(&challenge.token, answer.as_str()),
                AcmeChallengeType::TlsAlpn01 => {
                    let name = challenge.identifier().to_string();
                    let name =
                        HostName::parse(&name).map_err(|_| AcmeError::Useless(format!("the name {name}")))?;
                    let digest = answer.digest();
                    let digest = digest.as_ref().try_into().map_err(|_| AcmeError::Useless("the digest".into()))?;
                    let terms = csr::alpn_certificate(&name, digest, self.provider)?;
                    self.offered.publish_tls(name, terms);
                }
            }
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// `None` if all names have been confirmed.
    async fn wait_until_ready(&self, order: &mut instant_acme::Order) -> Option<AcmeError> {
        let failure = match order.poll_ready(&PATIENT).await {
            Ok(OrderStatus::Ready) => return None,
            Ok(_) => AcmeError::NotConfirmed("it does not say why".to_owned()),
            Err(error) => AcmeError::from(error),
        };
        // The order says that something is wrong, its parts say what.
        Some(self.validation_error(order).await.map_or(failure, AcmeError::NotConfirmed))
    }

    /// What the authority saw instead of our answer, for the first name where it did.
    async fn validation_error(&self, order: &mut instant_acme::Order) -> Option<String> {
        let mut questions = order.authorizations();
        while let Some(Ok(mut question)) = questions.next().await {
            let state = question.refresh().await.ok()?;
            if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return Some(format!("{}: {}", state.identifier(), error::describe(problem)));
            }
        }
        None
    }
}

impl From<AcmeChallengeType> for ChallengeType {
    fn from(kind: AcmeChallengeType) -> ChallengeType {
        match kind {
            AcmeChallengeType::Http01 => ChallengeType::Http01,
            AcmeChallengeType::TlsAlpn01 => ChallengeType::TlsAlpn01,
        }
    }
}

/// Authorities look from several places, and look again, before they give a name up.
const PATIENT: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));
