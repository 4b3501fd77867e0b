//! Session tickets with keys from a shared file.
//!
//! Several processes, or one and its successor, resume each other's sessions with the same keys. A key is 80 random
//! bytes, as for nginx's `ssl_session_ticket_key`: a name of 16 and a secret of 64. The first key of the file
//! encrypts new tickets, and all of them decrypt; the rotation of the file sets the lifetime of a key. A ticket
//! consists of the key's name, a nonce, and the session encrypted with AES-256-GCM. The encryption key is derived
//! from the secret with HKDF, so a file that also serves another program gives each of them different keys.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use rustls::server::ProducesTickets;

use super::file_error::{self, FileError};

/// Session ticketer with keys from a file, at least one ([`ProducesTickets`]).
#[derive(Debug)]
pub struct SharedTicketer(Vec<TicketKey>);

/// One 80-byte ticket key: name and secret.
struct TicketKey {
    name: [u8; NAME_LENGTH],
    /// Derived from the secret.
    key: RandomizedNonceKey,
}

impl SharedTicketer {
    /// Loads the keys of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, or is not a sequence of one or more keys.
    pub fn load(path: &Path) -> Result<Arc<dyn ProducesTickets>, FileError> {
        let bytes = file_error::read(path)?;
        let advice = "create it with `openssl rand -out FILE 80`";
        let (keys, rest) = bytes.as_chunks::<KEY_LENGTH>();
        if keys.is_empty() || !rest.is_empty() {
            let what = format!(
                "the file has {} bytes, but must consist of ticket keys of {KEY_LENGTH} bytes each",
                bytes.len()
            );
            return Err(FileError::new(path, what, advice));
        }
        let keys: Result<Vec<TicketKey>, Unspecified> = keys.iter().map(TicketKey::new).collect();
        let keys = keys.map_err(|_| FileError::new(path, "cannot derive keys from it", advice))?;
        Ok(Arc::new(SharedTicketer(keys)))
    }
}

impl TicketKey {
    fn new(bytes: &[u8; KEY_LENGTH]) -> Result<TicketKey, Unspecified> {
        let (name, secret) = bytes.split_first_chunk::<NAME_LENGTH>().ok_or(Unspecified)?;
        let mut derived = [0; 32];
        let info = [HKDF_INFO];
        Salt::new(HKDF_SHA256, &[]).extract(secret).expand(&info, HKDF_SHA256)?.fill(&mut derived)?;
        Ok(TicketKey { name: *name, key: RandomizedNonceKey::new(&AES_256_GCM, &derived)? })
    }

    fn encrypt_session(&self, session: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut ciphertext = session.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(self.name), &mut ciphertext)?;
        Ok([&self.name, &nonce.as_ref()[..], &ciphertext].concat())
    }

    /// Decrypts a ticket; `None` for a ticket of another key, and for a modified one.
    fn decrypt_session(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LENGTH>()?;
        if *name != self.name {
            return None;
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut session = ciphertext.to_vec();
        let length = self.key.open_in_place(Nonce::from(nonce), Aad::from(self.name), &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl ProducesTickets for SharedTicketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.first()?.encrypt_session(plain).ok()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|key| key.decrypt_session(cipher))
    }
}

/// Omits name and secret.
impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

/// Bytes of a key.
const KEY_LENGTH: usize = 80;

/// Bytes of its name.
const NAME_LENGTH: usize = 16;

/// HKDF info: separates the derived keys from those of other programs.
const HKDF_INFO: &[u8] = b"gatepost session tickets";

/// Seconds after which clients discard a ticket: 12 hours, as for tickets with generated keys.
const LIFETIME: u32 = 12 * 60 * 60;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    /// Loads keys that each repeat one byte.
    fn keys(bytes: &[u8]) -> Result<Arc<dyn ProducesTickets>, FileError> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&bytes.iter().flat_map(|byte| [*byte; KEY_LENGTH]).collect::<Vec<u8>>()).unwrap();
        SharedTicketer::load(file.path())
    }

    #[test]
    fn the_first_key_encrypts_and_all_keys_decrypt() {
        let ticket = keys(&[1]).unwrap().encrypt(b"session").unwrap();
        assert_eq!(keys(&[1]).unwrap().decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys(&[2, 1]).unwrap().decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys(&[2]).unwrap().decrypt(&ticket), None);
        let later = keys(&[2, 1]).unwrap().encrypt(b"session").unwrap();
        assert_eq!(keys(&[1]).unwrap().decrypt(&later), None);
    }

    #[test]
    fn tickets_differ_and_hide_the_session() {
        let keys = keys(&[1]).unwrap();
        let [first, second] = [(); 2].map(|()| keys.encrypt(b"session").unwrap());
        assert_ne!(first[NAME_LENGTH..], second[NAME_LENGTH..]);
        assert!(!first.windows(7).any(|part| part == b"session"));
    }

    #[test]
    fn a_modified_or_truncated_ticket_is_rejected() {
        let keys = keys(&[1]).unwrap();
        let ticket = keys.encrypt(b"session").unwrap();
        for position in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[position] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "changed at {position}");
            assert_eq!(keys.decrypt(&ticket[..position]), None, "truncated at {position}");
        }
    }

    #[test]
    fn a_file_without_whole_keys_is_an_error() {
        assert!(keys(&[]).unwrap_err().what.contains("the file has 0 bytes"));
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&[7; KEY_LENGTH + 1]).unwrap();
        let problem = SharedTicketer::load(file.path()).unwrap_err();
        assert!(problem.to_string().contains("the file has 81 bytes"), "{problem}");
        assert!(problem.advice.contains("openssl rand"));
    }
}
