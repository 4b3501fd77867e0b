//! One ACME order: proves control over the names and downloads the certificate.

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

/// Inputs of an ACME order.
pub(super) struct OrderContext<'a> {
    pub(super) account: &'a Account,
    pub(super) acme: &'a AcmeSettings,
    pub(super) challenges: &'a ChallengeGuard<'a>,
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
            && let Some(error) = self.wait_until_ready(&mut order).await
        {
            return Err(error);
        }
        let request = csr::new_request(self.acme.key, names)?;
        order.finalize_csr(&request.der).await?;
        let chain = order.poll_certificate(&POLL_POLICY).await?;
        Ok(IssuedCertificate { chain, key: request.key })
    }

    /// Publishes the response to each challenge, then requests its validation. A name whose authorization is
    /// still valid is not validated again.
    async fn publish_responses(&self, order: &mut instant_acme::Order) -> Result<(), AcmeError> {
        let kind = self.acme.challenge;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(kind.into()).ok_or(AcmeError::ChallengeNotOffered(kind))?;
            let key_authorization = challenge.key_authorization();
            match kind {
                AcmeChallengeType::Http01 => {
                    self.challenges.publish_http(&challenge.token, key_authorization.as_str())
                }
                AcmeChallengeType::TlsAlpn01 => {
                    let name = challenge.identifier().to_string();
                    let name =
                        HostName::parse(&name).map_err(|_| AcmeError::Unusable(format!("invalid name {name}")))?;
                    let digest = key_authorization.digest();
                    let digest =
                        digest.as_ref().try_into().map_err(|_| AcmeError::Unusable("invalid digest".into()))?;
                    let tls = csr::alpn_certificate(&name, digest, self.provider)?;
                    self.challenges.publish_tls(name, tls);
                }
            }
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// Waits until the CA has validated all names. Returns `None` on success.
    async fn wait_until_ready(&self, order: &mut instant_acme::Order) -> Option<AcmeError> {
        let error = match order.poll_ready(&POLL_POLICY).await {
            Ok(OrderStatus::Ready) => return None,
            Ok(_) => AcmeError::ValidationFailed("no details".to_owned()),
            Err(error) => AcmeError::from(error),
        };
        // The order contains only the state; its authorizations contain the errors.
        Some(self.validation_error(order).await.map_or(error, AcmeError::ValidationFailed))
    }

    /// Returns the validation error of the first name that failed.
    async fn validation_error(&self, order: &mut instant_acme::Order) -> Option<String> {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let state = authorization.refresh().await.ok()?;
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

/// CAs validate from several places and retry before they reject a name.
const POLL_POLICY: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));
