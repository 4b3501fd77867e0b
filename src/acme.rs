//! Obtains certificates from an authority by itself (ACME, RFC 8555), and renews them in time.
//!
//! A thread of its own does it, so nothing here ever delays a request. It only writes files; what
//! watches certificates makes them live. Whatever goes wrong, a certificate that is there stays as it is.

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

/// Asks for attempts at once, whatever came of the last ones.
pub struct AcmeHandle(Sender<RenewNow>);

struct RenewNow;

/// Everything that obtaining needs.
pub struct AcmeClient {
    model: Arc<Model>,
    acme: AcmeSettings,
    authority: AcmeServer,
    challenges: Arc<AcmeChallenges>,
    provider: Arc<CryptoProvider>,
}

impl AcmeClient {
    /// A client for what `acme` says in `model`.
    ///
    /// # Errors
    /// The file of those who vouch for the authority's server cannot be used.
    pub fn prepare(
        model: &Arc<Model>,
        acme: &AcmeSettings,
        challenges: &Arc<AcmeChallenges>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<AcmeClient, FileError> {
        let authority = AcmeServer::new(acme, provider)?;
        let (model, challenges) = (model.clone(), challenges.clone());
        Ok(AcmeClient { model, acme: acme.clone(), authority, challenges, provider: provider.clone() })
    }

    /// Works until the process ends.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(self) -> io::Result<AcmeHandle> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, wishes) = channel();
        std::thread::Builder::new().name("acme".into()).spawn(move || self.run(&runtime, &wishes))?;
        Ok(AcmeHandle(sender))
    }

    fn run(&self, runtime: &Runtime, wishes: &Receiver<RenewNow>) {
        for obstacle in preconditions(&self.model, &self.acme) {
            tracing::warn!("{obstacle}");
        }
        let mut charges: Vec<ManagedCertificate> =
            self.acme.certificates.iter().map(|it| self.charge(it)).collect();
        for charge in charges.iter().filter(|charge| ServerCertificate::is_unreadable(&charge.files)) {
            tracing::warn!(
                "{}: this account cannot read it or its key, so it is not renewed; hand both files over (chown), or \
                 remove them to have others obtained",
                charge.path(),
            );
        }
        loop {
            let pauses = charges.iter_mut().map(|charge| self.check_certificate(charge, runtime));
            let pause = pauses.min().unwrap_or(MAX_PAUSE);
            match wait_for_trigger(wishes, pause.min(MAX_PAUSE)) {
                Ok(RenewNow) => charges.iter_mut().for_each(|charge| charge.attempts = FailureHistory::default()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn charge(&self, obtained: &AcmeCertificate) -> ManagedCertificate {
        let files = self.model.certificate(obtained.certificate).clone();
        let attempts = storage::attempts(&self.acme, &files);
        ManagedCertificate { obtained: obtained.clone(), files, attempts, lag: backoff::jitter() }
    }

    /// Obtains the certificate if its time has come; returns how long there is nothing to do for it.
    fn check_certificate(&self, charge: &mut ManagedCertificate, runtime: &Runtime) -> Duration {
        let now = SystemTime::now();
        match backoff::next_attempt(self.due(charge, now), &charge.attempts, now) {
            NextAttempt::Later(pause) => pause,
            NextAttempt::Now => {
                let obtained = runtime.block_on(self.obtain(charge));
                match obtained.and_then(|()| self.check_lifetime(charge)) {
                    Ok(()) => {
                        tracing::info!("{}: a certificate for {} was obtained", charge.path(), charge.names());
                        charge.attempts = FailureHistory::default();
                    }
                    Err(failure) => self.on_failure(charge, &failure),
                }
                storage::keep_attempts(&self.acme, &charge.files, &charge.attempts);
                MIN_PAUSE
            }
        }
    }

    /// When the certificate is to be replaced: a part of its life before its end, or at once if there is none that
    /// clients accept for all of its names.
    fn due(&self, charge: &ManagedCertificate, now: SystemTime) -> SystemTime {
        if ServerCertificate::is_unreadable(&charge.files) {
            return now + MAX_PAUSE;
        }
        let Ok(certificate) = ServerCertificate::load(&charge.files, &self.provider) else { return now };
        if !certificate.errors(&charge.obtained.patterns(), now).is_empty() {
            return now;
        }
        certificate.renewal_date(charge.lag)
    }

    async fn obtain(&self, charge: &ManagedCertificate) -> Result<(), AcmeError> {
        storage::check_writable(&self.acme, &charge.files)?;
        let account = self.authority.account(&self.acme).await?;
        let offered = self.challenges.begin();
        let order = order::OrderContext {
            account: &account,
            acme: &self.acme,
            offered: &offered,
            provider: &self.provider,
        };
        let within = tokio::time::timeout(MAX_ORDER, order.complete(&charge.obtained.names));
        let issued = within.await.unwrap_or(Err(AcmeError::Timeout))?;
        storage::install(&issued, charge, &self.provider)
    }

    /// A certificate that is due the moment it is there would be ordered again and again.
    fn check_lifetime(&self, charge: &ManagedCertificate) -> Result<(), AcmeError> {
        let now = SystemTime::now();
        if self.due(charge, now) > now {
            return Ok(());
        }
        Err(AcmeError::Useless("its life is too short, or this machine's clock is wrong".to_owned()))
    }

    /// Says what went wrong, and notes when to try again.
    fn on_failure(&self, charge: &mut ManagedCertificate, failure: &AcmeError) {
        let now = SystemTime::now();
        charge.attempts.failed(self.authority.retry_after(), now);
        let again = charge.attempts.pause(now);
        let minutes = again.as_secs().div_ceil(60);
        let kept = match ServerCertificate::load(&charge.files, &self.provider) {
            Ok(old) => format!("the one in use stays; it expires in {}", old.time_left(now)),
            Err(_) => "until then the host is served with a stand-in that browsers warn of".to_owned(),
        };
        tracing::error!(
            "no certificate for {} was obtained from {}: {failure}; {}. The next attempt is in {minutes} minutes, or at \
             SIGHUP; {kept}",
            charge.names(),
            self.acme.directory,
            failure.advice(self.acme.challenge),
        );
    }
}

/// What was wished for several times, during a long order, is one wish: authorities count failures.
fn wait_for_trigger(wishes: &Receiver<RenewNow>, pause: Duration) -> Result<RenewNow, RecvTimeoutError> {
    let wish = wishes.recv_timeout(pause)?;
    while wishes.try_recv().is_ok() {}
    Ok(wish)
}

impl AcmeHandle {
    /// Tries now what is due, even if it failed a moment ago.
    pub fn obtain(&self) {
        // Without a receiver the process is ending.
        let _ = self.0.send(RenewNow);
    }
}

/// Files may be replaced by somebody else, and the clock may be set; so nothing is believed for longer.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// Between two looks at the same certificate.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// An order that takes longer is given up.
const MAX_ORDER: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_wishes_are_one() {
        let (sender, wishes) = channel();
        let obtainer = AcmeHandle(sender);
        (0..3).for_each(|_| obtainer.obtain());
        assert!(wait_for_trigger(&wishes, Duration::ZERO).is_ok());
        assert!(matches!(wait_for_trigger(&wishes, Duration::ZERO), Err(RecvTimeoutError::Timeout)));
        drop(obtainer);
        assert!(matches!(wait_for_trigger(&wishes, Duration::ZERO), Err(RecvTimeoutError::Disconnected)));
    }
}
