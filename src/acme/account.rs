//! Creates and loads the ACME account.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use instant_acme::{Account, AccountCredentials, NewAccount};
use rustls::crypto::CryptoProvider;

use super::error::AcmeError;
use super::http_client::AcmeHttpClient;
use super::storage;
use crate::model::acme::AcmeSettings;
use crate::model::host::HostName;
use crate::tls::files::file_error::FileError;

/// The configured ACME server.
pub(super) struct AcmeServer(AcmeHttpClient);

impl AcmeServer {
    /// Returns a client for the server.
    ///
    /// # Errors
    /// The CA file for the TLS connection to the server cannot be used.
    pub(super) fn new(acme: &AcmeSettings, provider: &Arc<CryptoProvider>) -> Result<AcmeServer, FileError> {
        let https = AcmeHttpClient::new(&acme.trust, provider);
        if let Ok(name) = HostName::parse(&host(acme)) {
            https.tls(name).map_err(|mut problems| problems.swap_remove(0))?;
        }
        Ok(AcmeServer(https))
    }

    /// Returns the time of the last `Retry-After`; see [`AcmeHttpClient::retry_after`].
    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        self.0.retry_after()
    }

    /// Loads the stored account, or creates and stores a new one. An administrator who configures ACME has
    /// accepted the terms of service of the CA.
    pub(super) async fn account(&self, acme: &AcmeSettings) -> Result<Account, AcmeError> {
        let builder = Account::builder_with_http(Box::new(self.0.clone()));
        let file = file(acme);
        if let Some(credentials) = stored(&file)? {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contacts: Vec<String> = acme.contacts.iter().map(|contact| format!("mailto:{contact}")).collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&new, acme.directory.as_str().to_owned(), None).await?;
        let text = serde_json::to_string(&credentials).map_err(|error| AcmeError::Key(error.to_string()))?;
        storage::write_private(&file, text.as_bytes())?;
        tracing::info!("ACME account at {} created; its key is stored in {}", acme.directory, file.display());
        Ok(account)
    }
}

/// Loads stored credentials. A file that cannot be parsed is not overwritten: it may be the only copy of a key.
fn stored(file: &PathBuf) -> Result<Option<AccountCredentials>, AcmeError> {
    match fs::read(file) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(_) => {
                let message = "not an ACME account; remove the file to create a new account";
                Err(AcmeError::File(file.clone(), io::Error::other(message)))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AcmeError::File(file.clone(), error)),
    }
}

/// Returns the path of the account file. Each server has a file of its own.
fn file(acme: &AcmeSettings) -> PathBuf {
    let url: http::Uri = acme.directory.as_str().parse().unwrap_or_default();
    let port = url.port_u16().map(|port| format!("-{port}")).unwrap_or_default();
    acme.state_directory.join(format!("account-{}{port}.json", host(acme)))
}

fn host(acme: &AcmeSettings) -> String {
    let url: http::Uri = acme.directory.as_str().parse().unwrap_or_default();
    url.host().unwrap_or_default().to_owned()
}
