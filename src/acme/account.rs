//! The account at an authority: made once, kept in a file, and used again.

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

/// The authority that certificates come from.
pub(super) struct AcmeServer(AcmeHttpClient);

impl AcmeServer {
    /// # Errors
    /// The file of those who vouch for its server cannot be used.
    pub(super) fn new(acme: &AcmeSettings, provider: &Arc<CryptoProvider>) -> Result<AcmeServer, FileError> {
        let https = AcmeHttpClient::new(&acme.trust, provider);
        if let Ok(name) = HostName::parse(&host(acme)) {
            https.tls(name).map_err(|mut problems| problems.swap_remove(0))?;
        }
        Ok(AcmeServer(https))
    }

    /// See [`AcmeHttpClient::retry_after`].
    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        self.0.retry_after()
    }

    /// The account that was made earlier, or a new one. By having one made, the administrator has agreed to the
    /// terms of the authority.
    pub(super) async fn account(&self, acme: &AcmeSettings) -> Result<Account, AcmeError> {
        let builder = Account::builder_with_http(Box::new(self.0.clone()));
        let file = file(acme);
        if let Some(credentials) = known(&file)? {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contacts: Vec<String> = acme.contacts.iter().map(|contact| format!("mailto:{contact}")).collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&new, acme.directory.as_str().to_owned(), None).await?;
        let text = serde_json::to_string(&credentials).map_err(|error| AcmeError::Key(error.to_string()))?;
        storage::write_private(&file, text.as_bytes())?;
        tracing::info!("an account at {} was made; its key is in {}", acme.directory, file.display());
        Ok(account)
    }
}

/// What is kept of an account. A file that cannot be read is never overwritten: it may be somebody's only key.
fn known(file: &PathBuf) -> Result<Option<AccountCredentials>, AcmeError> {
    match fs::read(file) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(_) => {
                let why = "it holds no account; remove it, and a new one is made";
                Err(AcmeError::File(file.clone(), io::Error::other(why)))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AcmeError::File(file.clone(), error)),
    }
}

/// One for each authority.
fn file(acme: &AcmeSettings) -> PathBuf {
    let url: http::Uri = acme.directory.as_str().parse().unwrap_or_default();
    let port = url.port_u16().map(|port| format!("-{port}")).unwrap_or_default();
    acme.state_directory.join(format!("account-{}{port}.json", host(acme)))
}

fn host(acme: &AcmeSettings) -> String {
    let url: http::Uri = acme.directory.as_str().parse().unwrap_or_default();
    url.host().unwrap_or_default().to_owned()
}
