//! Polls credential files and publishes new TLS configurations.
//!
//! The watcher runs on a thread of its own, so a slow disk delays neither signals nor handshakes. It polls the
//! metadata of the files; unlike change notifications, polling works on every file system, for every way to replace
//! a file, and through any number of symbolic links. A reload does not affect existing connections.

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

/// Polls credential files and reloads those that changed.
pub(crate) struct CredentialWatcher {
    model: Arc<Model>,
    store: CredentialStore,
    watched: Vec<WatchedCredential>,
    warnings: ExpiryWarnings,
}

/// A change to publish after a reload.
pub enum Update {
    SniResolvers(SniResolvers),
    /// Validity periods of the credentials of each host, by host name.
    Expiries(Vec<(String, Expiry)>),
}

/// Triggers an immediate reload. The watcher stops when it is dropped.
pub(crate) struct WatcherHandle(Sender<ReloadNow>);

/// Message that triggers a reload.
struct ReloadNow;

/// A credential with the last known state of its files.
pub(crate) struct WatchedCredential {
    credential: CredentialId,
    /// The files at the last reload, unless a write may have been in progress.
    read: Vec<FileStamp>,
    /// The files at the last poll.
    seen: Vec<FileStamp>,
    /// Why the last reload failed; empty if it succeeded.
    errors: Vec<FileError>,
}

impl CredentialWatcher {
    /// Creates a watcher. `watched` must be from before the store was loaded.
    pub(crate) fn new(
        model: Arc<Model>,
        store: CredentialStore,
        watched: Vec<WatchedCredential>,
    ) -> CredentialWatcher {
        CredentialWatcher { model, store, watched, warnings: ExpiryWarnings::default() }
    }

    /// See [`CredentialStore::expiries`].
    pub(crate) fn expiries(&self) -> Vec<(String, Expiry)> {
        self.store.expiries(&self.model)
    }

    /// See [`CredentialStore::upstream_tls`].
    pub(crate) fn upstream_tls(&self) -> Arc<[Option<UpstreamTlsClient>]> {
        self.store.upstream_tls(&self.model)
    }

    /// Logs all expiry warnings and certificate errors.
    pub(crate) fn log_warnings(&mut self) {
        let problems = self.store.warnings(&self.model);
        problems.iter().for_each(|problem| self.warnings.log(problem));
    }

    /// Starts the watcher thread, which passes changes to `publish`.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread cannot be started.
    pub(crate) fn start(mut self, publish: impl Fn(Update) + Send + 'static) -> io::Result<WatcherHandle> {
        let (sender, commands) = channel();
        std::thread::Builder::new().name("tls-watcher".into()).spawn(move || self.run(&commands, &publish))?;
        Ok(WatcherHandle(sender))
    }

    fn run(&mut self, commands: &Receiver<ReloadNow>, publish: &dyn Fn(Update)) {
        self.warn_unreadable();
        let mut last_daily_log = Instant::now();
        loop {
            match commands.recv_timeout(POLL_INTERVAL) {
                Ok(ReloadNow) => {
                    self.reload_due(publish, WatchedCredential::force);
                    self.log_warnings();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let changed = self.reload_due(publish, WatchedCredential::is_stable);
                    self.log_reloaded(&changed);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if last_daily_log.elapsed() >= DAY {
                last_daily_log = Instant::now();
                self.log_daily(publish);
            }
        }
    }

    /// Reloads the credentials that are due, publishes the changes, and returns the changed credentials.
    fn reload_due(
        &mut self,
        publish: &dyn Fn(Update),
        is_due: fn(&mut WatchedCredential, &Model) -> bool,
    ) -> Vec<CredentialId> {
        let CredentialWatcher { model, store, watched, .. } = self;
        let mut changed = Vec::new();
        for watched in watched {
            if is_due(watched, model) && watched.reload(store, model) == ReloadOutcome::Changed {
                changed.push(watched.credential);
            }
        }
        if changed.is_empty() {
            return changed;
        }
        publish(Update::Expiries(store.expiries(model)));
        match store.sni_resolvers(model) {
            Ok(resolvers) => publish(Update::SniResolvers(resolvers)),
            Err(error) => tracing::error!(
                "cannot build TLS configurations after a reload: {error}; the previous ones stay in use"
            ),
        }
        changed
    }

    /// Logs the warnings of reloaded credentials.
    fn log_reloaded(&mut self, changed: &[CredentialId]) {
        for credential in changed {
            let problems = self.store.warnings_for(*credential, &self.model);
            problems.iter().for_each(|problem| self.warnings.log(problem));
        }
    }

    /// Logs errors again every day, and expiry warnings when they are due.
    fn log_daily(&mut self, publish: &dyn Fn(Update)) {
        self.reload_due(publish, |watched, _| !std::mem::take(&mut watched.errors).is_empty());
        let due = self.warnings.due(self.store.warnings(&self.model));
        due.iter().for_each(|problem| self.warnings.log(problem));
    }

    /// Warns about files that can be read as root, but not by the configured user, which has to reload them.
    fn warn_unreadable(&self) {
        let Some(account) = &self.model.process.user else { return };
        let files = self.watched.iter().flat_map(|watched| watched.credential.files(&self.model));
        // A file that ACME has not created yet will belong to the user.
        let existing = files.filter(|file| FileStamp::read(file) != Some(FileStamp::Missing));
        for file in existing.filter(|file| !account::can_read(file)) {
            let file = file.display();
            tracing::warn!(
                "{file}: not readable by {account}, so a renewed file requires a restart; grant the group of \
                 {account} read access (chgrp, chmod g+r) and search access to its directory"
            );
        }
    }
}

impl WatcherHandle {
    /// Reloads all credentials.
    pub(crate) fn reload(&self) {
        // Sending fails only if the watcher thread has ended.
        let _ = self.0.send(ReloadNow);
    }
}

impl WatchedCredential {
    /// Records the state of all credential files of a model. Must be called before they are loaded, so that no
    /// change in between is missed.
    pub(crate) fn all(model: &Model) -> Vec<WatchedCredential> {
        let watched = |credential: CredentialId| {
            let files = credential.files(model);
            let seen: Vec<_> =
                files.iter().map(|file| FileStamp::read(file).unwrap_or(FileStamp::Missing)).collect();
            WatchedCredential { credential, read: seen.clone(), seen, errors: Vec::new() }
        };
        CredentialId::all(model).map(watched).collect()
    }

    /// Selects the credential for a reload, whether or not its files changed.
    fn force(&mut self, model: &Model) -> bool {
        self.poll(model);
        true
    }

    /// Returns whether the files have changed since the last reload and are equal in two consecutive polls. A pair
    /// whose files are written one after the other is therefore loaded when it is complete, and two changes in
    /// quick succession cannot leave the same stamp.
    fn is_stable(&mut self, model: &Model) -> bool {
        let before = self.poll(model);
        let is_stable = self.seen == before && self.seen != self.read;
        if is_stable {
            self.read.clone_from(&self.seen);
        }
        is_stable
    }

    /// Reads the stamps of the files; returns the previous ones. A file whose metadata cannot be read counts as
    /// unchanged.
    fn poll(&mut self, model: &Model) -> Vec<FileStamp> {
        let files = self.credential.files(model);
        let now = files.iter().zip(&self.seen).map(|(file, last)| FileStamp::read(file).unwrap_or(*last)).collect();
        std::mem::replace(&mut self.seen, now)
    }

    /// Reloads the credential and logs the result, once for each change.
    fn reload(&mut self, store: &mut CredentialStore, model: &Model) -> ReloadOutcome {
        match store.reload(self.credential, model) {
            Ok(changed) => {
                let had_errors = !std::mem::take(&mut self.errors).is_empty();
                if had_errors || changed == ReloadOutcome::Changed {
                    self.log_reload(store, model);
                }
                changed
            }
            Err(errors) => {
                if errors != self.errors {
                    for error in &errors {
                        tracing::error!("{error}. The previous version stays in use");
                    }
                    self.errors = errors;
                }
                ReloadOutcome::Unchanged
            }
        }
    }

    /// Logs a successful reload.
    fn log_reload(&self, store: &CredentialStore, model: &Model) {
        let files = self.credential.files(model);
        let file = files.first().copied().unwrap_or_else(|| "".as_ref()).display();
        match self.credential {
            CredentialId::Certificate(id) => {
                let left = store.time_left(id).unwrap_or_default();
                tracing::info!("{file}: certificate reloaded; it expires in {left}");
            }
            CredentialId::TicketKeys => {
                tracing::info!("{file}: session ticket keys reloaded; the first key encrypts new tickets")
            }
            CredentialId::UpstreamTls(id) => {
                let upstream = model.upstream(id);
                tracing::info!("{upstream}: TLS files reloaded; new connections use them");
            }
            CredentialId::ClientAuth(_) => {
                tracing::info!("{file}: client CA files reloaded; new connections use them")
            }
        }
    }
}

/// Time between two polls of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;
    use time::{Duration, OffsetDateTime};

    use super::*;

    /// A watcher of one host, whose certificate expires in ten days.
    fn watcher(directory: &TempDir) -> CredentialWatcher {
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
        let store = CredentialStore::load(&model).0.unwrap();
        CredentialWatcher::new(Arc::new(model), store, watched)
    }

    #[test]
    fn errors_are_logged_again_every_day() {
        let directory = TempDir::new().unwrap();
        let mut watcher = watcher(&directory);
        fs::write(directory.path().join("a.key"), "no key").unwrap();
        let log = directory.path().join("log");
        let subscriber = tracing_subscriber::fmt().with_writer(File::create(&log).unwrap()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                watcher.reload_due(&|_| (), WatchedCredential::force);
            }
            let count = |what: &str| fs::read_to_string(&log).unwrap().matches(what).count();
            assert_eq!((count("a.key: the file contains no private key"), count("expires in 10 days")), (1, 0));
            watcher.log_daily(&|_| ());
            assert_eq!((count("a.key: the file contains no private key"), count("expires in 10 days")), (2, 1));
            watcher.log_daily(&|_| ());
            assert_eq!((count("a.key: the file contains no private key"), count("expires in 10 days")), (3, 1));
        });
    }

    #[test]
    fn changed_files_are_reloaded_when_they_are_stable() {
        let directory = TempDir::new().unwrap();
        let CredentialWatcher { model, mut watched, .. } = watcher(&directory);
        let watched = &mut watched[0];
        assert!(!watched.is_stable(&model));
        fs::remove_file(directory.path().join("a.key")).unwrap();
        assert!(!watched.is_stable(&model), "a write may be in progress");
        assert!(watched.is_stable(&model));
        assert!(!watched.is_stable(&model), "the change is already handled");
    }
}
