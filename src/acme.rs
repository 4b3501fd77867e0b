//! ACME client (RFC 8555): obtains and renews certificates on a thread of its own.
//!
//! The client never delays a request. It only writes files; the certificate watcher loads them. After any error
//! the existing certificate files stay unchanged.

mod account;
mod backoff;
mod certificate;
mod csr;
mod error;
mod http_client;
mod order;
mod storage;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use tokio::runtime::Runtime;

use crate::model::Model;
use crate::model::acme::{AcmeCertificate, AcmeSettings};
use crate::tls::files::certificate::ServerCertificate;
use crate::tls::files::file_error::FileError;
use crate::tls::server::challenges::AcmeChallenges;
use account::AcmeServer;
use backoff::{FailureHistory, NextAttempt};
use certificate::ManagedCertificate;
use error::AcmeError;
pub use storage::preconditions;

/// Triggers an immediate renewal check, which ignores the retry backoff.
pub struct AcmeHandle(Sender<RenewNow>);

/// Message that triggers a renewal check.
struct RenewNow;

/// Obtains and renews the configured certificates.
pub struct AcmeClient {
    model: Arc<Model>,
    acme: AcmeSettings,
    server: AcmeServer,
    challenges: Arc<AcmeChallenges>,
    provider: Arc<CryptoProvider>,
}

impl AcmeClient {
    /// Returns a client for the ACME settings of `model`.
    ///
    /// # Errors
    /// The CA file for the TLS connection to the ACME server cannot be used.
    pub fn prepare(
        model: &Arc<Model>,
        acme: &AcmeSettings,
        challenges: &Arc<AcmeChallenges>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<AcmeClient, FileError> {
        let server = AcmeServer::new(acme, provider)?;
        let (model, challenges) = (model.clone(), challenges.clone());
        Ok(AcmeClient { model, acme: acme.clone(), server, challenges, provider: provider.clone() })
    }

    /// Starts the thread, which runs until the process exits.
    ///
    /// # Errors
    /// The runtime or the thread cannot be started.
    pub fn start(self) -> io::Result<AcmeHandle> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, triggers) = channel();
        std::thread::Builder::new().name("acme".into()).spawn(move || self.run(&runtime, &triggers))?;
        Ok(AcmeHandle(sender))
    }

    fn run(&self, runtime: &Runtime, triggers: &Receiver<RenewNow>) {
        for problem in preconditions(&self.model, &self.acme) {
            tracing::warn!("{problem}");
        }
        let mut certificates: Vec<ManagedCertificate> =
            self.acme.certificates.iter().map(|it| self.managed_certificate(it)).collect();
        for managed in certificates.iter().filter(|managed| ServerCertificate::is_unreadable(&managed.files)) {
            tracing::warn!(
                "{}: not renewed, because this user cannot read the certificate or its key; change the owner of both \
                 files (chown), or remove them to obtain a new pair",
                managed.path(),
            );
        }
        loop {
            let pauses = certificates.iter_mut().map(|managed| self.check_certificate(managed, runtime));
            let pause = pauses.min().unwrap_or(MAX_PAUSE);
            match wait_for_trigger(triggers, pause.min(MAX_PAUSE)) {
                Ok(RenewNow) => {
                    certificates.iter_mut().for_each(|managed| managed.failures = FailureHistory::default())
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn managed_certificate(&self, settings: &AcmeCertificate) -> ManagedCertificate {
        let files = self.model.certificate(settings.certificate).clone();
        let failures = storage::load_failures(&self.acme, &files);
        ManagedCertificate { settings: settings.clone(), files, failures, jitter: backoff::jitter() }
    }

    /// Obtains the certificate if it is due. Returns the time until the next check.
    fn check_certificate(&self, managed: &mut ManagedCertificate, runtime: &Runtime) -> Duration {
        let now = SystemTime::now();
        match backoff::next_attempt(self.due(managed, now), &managed.failures, now) {
            NextAttempt::Later(pause) => pause,
            NextAttempt::Now => {
                let obtained = runtime.block_on(self.obtain(managed));
                match obtained.and_then(|()| self.check_lifetime(managed)) {
                    Ok(()) => {
                        tracing::info!("{}: certificate for {} obtained by ACME", managed.path(), managed.names());
                        managed.failures = FailureHistory::default();
                    }
                    Err(error) => self.on_failure(managed, &error),
                }
                storage::save_failures(&self.acme, &managed.files, &managed.failures);
                MIN_PAUSE
            }
        }
    }

    /// Returns when the certificate is due: before its expiry, by a part of its lifetime, or now unless clients
    /// accept it for all of its names.
    fn due(&self, managed: &ManagedCertificate, now: SystemTime) -> SystemTime {
        if ServerCertificate::is_unreadable(&managed.files) {
            return now + MAX_PAUSE;
        }
        let Ok(certificate) = ServerCertificate::load(&managed.files, &self.provider) else { return now };
        if !certificate.errors(&managed.settings.patterns(), now).is_empty() {
            return now;
        }
        certificate.renewal_date(managed.jitter)
    }

    async fn obtain(&self, managed: &ManagedCertificate) -> Result<(), AcmeError> {
        storage::check_writable(&self.acme, &managed.files)?;
        let account = self.server.account(&self.acme).await?;
        let challenges = self.challenges.begin();
        let order = order::OrderContext {
            account: &account,
            acme: &self.acme,
            challenges: &challenges,
            provider: &self.provider,
        };
        let order = tokio::time::timeout(MAX_ORDER, order.complete(&managed.settings.names));
        let issued = order.await.unwrap_or(Err(AcmeError::Timeout))?;
        storage::install(&issued, managed, &self.provider)
    }

    /// Rejects a certificate that is due as soon as it is issued; the client would order one after another.
    fn check_lifetime(&self, managed: &ManagedCertificate) -> Result<(), AcmeError> {
        let now = SystemTime::now();
        if self.due(managed, now) > now {
            return Ok(());
        }
        Err(AcmeError::Unusable("its lifetime is too short, or the clock of this machine is wrong".to_owned()))
    }

    /// Records a failed attempt and logs it with the time of the next one.
    fn on_failure(&self, managed: &mut ManagedCertificate, error: &AcmeError) {
        let now = SystemTime::now();
        managed.failures.record(self.server.retry_after(), now);
        let pause = managed.failures.pause(now);
        let minutes = pause.as_secs().div_ceil(60);
        let in_use = match ServerCertificate::load(&managed.files, &self.provider) {
            Ok(old) => {
                format!("The current certificate stays in use and expires in {}", old.time_left(now))
            }
            Err(_) => "The host uses a self-signed placeholder, which browsers reject".to_owned(),
        };
        tracing::error!(
            "ACME order for {} at {} failed: {error}; {}. Next attempt in {minutes} min or on SIGHUP. {in_use}",
            managed.names(),
            self.acme.directory,
            error.advice(self.acme.challenge),
        );
    }
}

/// Waits for a trigger and merges repeated ones: triggers that arrive during an order cause one check, because
/// CAs limit failed attempts.
fn wait_for_trigger(triggers: &Receiver<RenewNow>, pause: Duration) -> Result<RenewNow, RecvTimeoutError> {
    let trigger = triggers.recv_timeout(pause)?;
    while triggers.try_recv().is_ok() {}
    Ok(trigger)
}

impl AcmeHandle {
    /// Checks all certificates now, even if an attempt has just failed.
    pub fn renew_now(&self) {
        // The receiver is gone only while the process exits.
        let _ = self.0.send(RenewNow);
    }
}

/// Maximum time between two checks, because files may be replaced and the clock may be set meanwhile.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// Minimum time between two checks of a certificate.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Maximum duration of an order.
const MAX_ORDER: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_triggers_are_merged() {
        let (sender, triggers) = channel();
        let handle = AcmeHandle(sender);
        (0..3).for_each(|_| handle.renew_now());
        assert!(wait_for_trigger(&triggers, Duration::ZERO).is_ok());
        assert!(matches!(wait_for_trigger(&triggers, Duration::ZERO), Err(RecvTimeoutError::Timeout)));
        drop(handle);
        assert!(matches!(wait_for_trigger(&triggers, Duration::ZERO), Err(RecvTimeoutError::Disconnected)));
    }
}
