//! Renewal: certificates whose files change go live, without a connection noticing.
//!
//! A thread of its own looks at the files, so a slow disk delays no signal, and no handshake. It asks for their
//! attributes instead of being told of changes: that works on every file system, and for every way in which
//! files are replaced, however many links lead to them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::credential_id::CredentialId;
use super::credential_store::{CredentialStore, ReloadOutcome};
use super::expiry_warnings::ExpiryWarnings;
use super::file_stamp::FileStamp;
use crate::model::Model;
use crate::sys::account;
use crate::tls::files::expiry::Expiry;
use crate::tls::files::file_error::FileError;
use crate::tls::server::sni::SniResolvers;
use crate::tls::upstream_client::UpstreamTlsClient;

/// Everything that was read from files, and what the files looked like then.
pub(crate) struct CredentialWatcher {
    model: Arc<Model>,
    keyring: CredentialStore,
    watched: Vec<WatchedCredential>,
    reminders: ExpiryWarnings,
}

/// What is in use from now on, for those who use it.
pub enum Update {
    SniResolvers(SniResolvers),
    /// When what each host needs ends, by the name of the host.
    Expiries(Vec<(String, Expiry)>),
}

/// Asks for renewal at once.
pub(crate) struct WatcherHandle(Sender<ReloadNow>);

struct ReloadNow;

/// A credential and its files.
pub(crate) struct WatchedCredential {
    credential: CredentialId,
    /// As they were when they were read last, unless somebody may have been writing then.
    read: Vec<FileStamp>,
    /// As they were when they were looked at last.
    seen: Vec<FileStamp>,
    /// Why they could not take the place of what is in use; empty if they have.
    problems: Vec<FileError>,
}

impl CredentialWatcher {
    pub(crate) fn new(
        model: Arc<Model>,
        keyring: CredentialStore,
        watched: Vec<WatchedCredential>,
    ) -> CredentialWatcher {
        CredentialWatcher { model, keyring, watched, reminders: ExpiryWarnings::default() }
    }

    /// See [`CredentialStore::expiries`].
    pub(crate) fn expiries(&self) -> Vec<(String, Expiry)> {
        self.keyring.expiries(&self.model)
    }

    /// See [`CredentialStore::application_tls`].
    pub(crate) fn upstream_tls(&self) -> Arc<[Option<UpstreamTlsClient>]> {
        self.keyring.upstream_tls(&self.model)
    }

    /// Tells the log of everything that clients will object to, now or before long.
    pub(crate) fn log_warnings(&mut self) {
        let objections = self.keyring.warnings(&self.model);
        objections.iter().for_each(|objection| self.reminders.log(objection));
    }

    /// Watches until the process ends, and hands what has changed to `publish`.
    pub(crate) fn start(mut self, publish: impl Fn(Update) + Send + 'static) -> io::Result<WatcherHandle> {
        let (sender, wishes) = channel();
        std::thread::Builder::new().name("renewal".into()).spawn(move || self.run(&wishes, &publish))?;
        Ok(WatcherHandle(sender))
    }

    fn run(&mut self, wishes: &Receiver<ReloadNow>, publish: &dyn Fn(Update)) {
        self.warn_unreadable();
        let mut last_review = Instant::now();
        loop {
            match wishes.recv_timeout(POLL_INTERVAL) {
                Ok(ReloadNow) => {
                    self.renew(publish, WatchedCredential::force);
                    self.log_warnings();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let renewed = self.renew(publish, WatchedCredential::is_stable);
                    self.log_reloaded(&renewed);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if last_review.elapsed() >= DAY {
                last_review = Instant::now();
                self.log_daily(publish);
            }
        }
    }

    /// Reads what is due, publishes what came of it, and returns what is in use from now on.
    fn renew(
        &mut self,
        publish: &dyn Fn(Update),
        is_due: fn(&mut WatchedCredential, &Model) -> bool,
    ) -> Vec<CredentialId> {
        let CredentialWatcher { model, keyring, watched, .. } = self;
        let mut renewed = Vec::new();
        for watched in watched {
            if is_due(watched, model) && watched.renew(keyring, model) == ReloadOutcome::Changed {
                renewed.push(watched.credential);
            }
        }
        if renewed.is_empty() {
            return renewed;
        }
        publish(Update::Expiries(keyring.expiries(model)));
        match keyring.sni_resolvers(model) {
            Ok(doors) => publish(Update::SniResolvers(doors)),
            Err(error) => tracing::error!("renewed certificates cannot be used: {error}; the earlier ones stay"),
        }
        renewed
    }

    fn log_reloaded(&mut self, renewed: &[CredentialId]) {
        for credential in renewed {
            let objections = self.keyring.warnings_for(*credential, &self.model);
            objections.iter().for_each(|objection| self.reminders.log(objection));
        }
    }

    /// What is wrong for longer than a day is said every day.
    fn log_daily(&mut self, publish: &dyn Fn(Update)) {
        self.renew(publish, |watched, _| !std::mem::take(&mut watched.problems).is_empty());
        let due = self.reminders.due(self.keyring.warnings(&self.model));
        due.iter().for_each(|objection| self.reminders.log(objection));
    }

    /// Files that were read as root cannot be read again after root is given up.
    fn warn_unreadable(&self) {
        let Some(account) = &self.model.process.user else { return };
        let files = self.watched.iter().flat_map(|watched| watched.credential.files(&self.model));
        // One that is still to be obtained will belong to the account.
        let there = files.filter(|file| FileStamp::of(file) != Some(FileStamp::Missing));
        for file in there.filter(|file| !account::can_read(file)) {
            let file = file.display();
            tracing::warn!(
                "{account} cannot read {file}, so when it is renewed, the program must be restarted; let the \
                 group of {account} read it (chgrp, chmod g+r) and enter its directory"
            );
        }
    }
}

impl WatcherHandle {
    /// Reads everything anew.
    pub(crate) fn renew(&self) {
        // Without a receiver the process is ending.
        let _ = self.0.send(ReloadNow);
    }
}

impl WatchedCredential {
    /// Begins to watch all files of a model. To be called before they are read, so that no change between the
    /// two is missed.
    pub(crate) fn all(model: &Model) -> Vec<WatchedCredential> {
        let watched = |credential: CredentialId| {
            let files = credential.files(model);
            let seen: Vec<_> = files.iter().map(|file| FileStamp::of(file).unwrap_or(FileStamp::Missing)).collect();
            WatchedCredential { credential, read: seen.clone(), seen, problems: Vec::new() }
        };
        CredentialId::all(model).map(watched).collect()
    }

    fn force(&mut self, model: &Model) -> bool {
        self.poll(model);
        true
    }

    /// Whether the files are others than those that were read, and nobody is still writing: then they stay as they
    /// are from one look to the next. So a pair that is written one by one is read when it is whole, and no change
    /// is so quick after another that both leave the same marks.
    fn is_stable(&mut self, model: &Model) -> bool {
        let before = self.poll(model);
        let has_settled = self.seen == before && self.seen != self.read;
        if has_settled {
            self.read.clone_from(&self.seen);
        }
        has_settled
    }

    /// Looks at the files, and returns how they were before. One that is out of reach counts as unchanged.
    fn poll(&mut self, model: &Model) -> Vec<FileStamp> {
        let files = self.credential.files(model);
        let now = files.iter().zip(&self.seen).map(|(file, last)| FileStamp::of(file).unwrap_or(*last)).collect();
        std::mem::replace(&mut self.seen, now)
    }

    /// Reads the files, and tells the log what came of it, once for each change.
    fn renew(&mut self, keyring: &mut CredentialStore, model: &Model) -> ReloadOutcome {
        match keyring.reload(self.credential, model) {
            Ok(renewed) => {
                let mended = !std::mem::take(&mut self.problems).is_empty();
                if mended || renewed == ReloadOutcome::Changed {
                    self.announce(keyring, model);
                }
                renewed
            }
            Err(problems) => {
                if problems != self.problems {
                    for problem in &problems {
                        tracing::error!("{problem}. What was read before stays in use");
                    }
                    self.problems = problems;
                }
                ReloadOutcome::Unchanged
            }
        }
    }

    fn announce(&self, keyring: &CredentialStore, model: &Model) {
        let files = self.credential.files(model);
        let file = files.first().copied().unwrap_or_else(|| "".as_ref()).display();
        match self.credential {
            CredentialId::Certificate(id) => {
                let left = keyring.time_left(id).unwrap_or_default();
                tracing::info!("{file}: this certificate is in use from now on; it expires in {left}");
            }
            CredentialId::TicketKeys => tracing::info!("{file}: tickets are sealed with its first key from now on"),
            CredentialId::UpstreamTls(id) => {
                let application = model.upstream(id);
                tracing::info!("{application}: new connections to it go by what its files say now");
            }
            CredentialId::ClientAuth(_) => tracing::info!("{file}: clients are verified with what it says now"),
        }
    }
}

/// From one look at the files to the next.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;
    use time::{Duration, OffsetDateTime};

    use super::*;

    /// One host, whose certificate ends in ten days.
    fn renewal(directory: &TempDir) -> CredentialWatcher {
        let document = "[[host]]\nname = \"a.test\"\nupstream = \"127.0.0.1:1\"\n\
                        certificate = \"a.crt\"\ncertificate_key = \"a.key\"\n";
        let file = |name: &str| directory.path().join(name);
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec!["a.test".into()]).unwrap();
        parameters.not_after = OffsetDateTime::now_utc() + Duration::days(10) + Duration::hours(1);
        fs::write(file("a.crt"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(file("a.key"), key.serialize_pem()).unwrap();
        fs::write(file("gatepost.toml"), document).unwrap();
        let model = crate::config::load(&file("gatepost.toml")).unwrap().model;
        let watched = WatchedCredential::all(&model);
        let keyring = CredentialStore::load(&model).0.unwrap();
        CredentialWatcher::new(Arc::new(model), keyring, watched)
    }

    #[test]
    fn what_is_wrong_is_said_again_every_day() {
        let directory = TempDir::new().unwrap();
        let mut renewal = renewal(&directory);
        fs::write(directory.path().join("a.key"), "no key").unwrap();
        let log = directory.path().join("log");
        let subscriber = tracing_subscriber::fmt().with_writer(File::create(&log).unwrap()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                renewal.renew(&|_| (), WatchedCredential::force);
            }
            let told = |what: &str| fs::read_to_string(&log).unwrap().matches(what).count();
            assert_eq!((told("a.key: there is no private key"), told("expires in 10 days")), (1, 0));
            renewal.log_daily(&|_| ());
            assert_eq!((told("a.key: there is no private key"), told("expires in 10 days")), (2, 1));
            renewal.log_daily(&|_| ());
            assert_eq!((told("a.key: there is no private key"), told("expires in 10 days")), (3, 1));
        });
    }

    #[test]
    fn files_are_read_when_they_have_changed_and_stay_as_they_are() {
        let directory = TempDir::new().unwrap();
        let CredentialWatcher { model, mut watched, .. } = renewal(&directory);
        let watched = &mut watched[0];
        assert!(!watched.is_stable(&model));
        fs::remove_file(directory.path().join("a.key")).unwrap();
        assert!(!watched.is_stable(&model), "somebody may still be writing");
        assert!(watched.is_stable(&model));
        assert!(!watched.is_stable(&model), "it has been read");
    }
}
