//! Session tickets under keys from a file, so that several processes, or one and its successor, resume each
//! other's sessions.
//!
//! A key is 80 random bytes, as for nginx: a name of 16 and a secret of 64. The first key of the file seals, and
//! all of them open; whoever writes the file decides how long. A ticket is the key's name, a nonce, and the
//! session sealed with AES-256-GCM under a key that is derived from the secret, so that a file which serves
//! another program as well serves each with keys of its own.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use rustls::server::ProducesTickets;

use super::file_error::{self, FileError};

/// The keys of a file, at least one.
#[derive(Debug)]
pub struct SharedTicketer(Vec<TicketKey>);

struct TicketKey {
    name: [u8; NAME],
    key: RandomizedNonceKey,
}

impl SharedTicketer {
    /// Reads a file of keys.
    pub fn read(path: &Path) -> Result<Arc<dyn ProducesTickets>, FileError> {
        let bytes = file_error::read(path)?;
        let advice = "write it with `openssl rand -out FILE 80`";
        let (keys, rest) = bytes.as_chunks::<KEY>();
        if keys.is_empty() || !rest.is_empty() {
            let what = format!("it has {} bytes, but each key of tickets has {KEY}", bytes.len());
            return Err(FileError::new(path, what, advice));
        }
        let keys: Result<Vec<TicketKey>, Unspecified> = keys.iter().map(TicketKey::new).collect();
        let keys = keys.map_err(|_| FileError::new(path, "its keys cannot be used", advice))?;
        Ok(Arc::new(SharedTicketer(keys)))
    }
}

impl TicketKey {
    fn new(bytes: &[u8; KEY]) -> Result<TicketKey, Unspecified> {
        let (name, secret) = bytes.split_first_chunk::<NAME>().ok_or(Unspecified)?;
        let mut derived = [0; 32];
        let purpose = [PURPOSE];
        Salt::new(HKDF_SHA256, &[]).extract(secret).expand(&purpose, HKDF_SHA256)?.fill(&mut derived)?;
        Ok(TicketKey { name: *name, key: RandomizedNonceKey::new(&AES_256_GCM, &derived)? })
    }

    fn seal(&self, session: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = session.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(self.name), &mut sealed)?;
        Ok([&self.name, &nonce.as_ref()[..], &sealed].concat())
    }

    /// `None` for a ticket of another key, and for one that somebody has changed.
    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        if *name != self.name {
            return None;
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut session = sealed.to_vec();
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
        self.0.first()?.seal(plain).ok()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|key| key.open(cipher))
    }
}

/// Says nothing that is secret.
impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

/// Of a key, in bytes.
const KEY: usize = 80;

/// Of its name.
const NAME: usize = 16;

/// What the derived keys are for.
const PURPOSE: &[u8] = b"gatepost session tickets";

/// Half a day, in seconds, as tickets under the process's own keys have it. Clients forget a ticket then.
const LIFETIME: u32 = 12 * 60 * 60;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    /// Keys that are told apart by a byte each.
    fn keys(of: &[u8]) -> Result<Arc<dyn ProducesTickets>, FileError> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&of.iter().flat_map(|byte| [*byte; KEY]).collect::<Vec<u8>>()).unwrap();
        SharedTicketer::read(file.path())
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let ticket = keys(&[1]).unwrap().encrypt(b"session").unwrap();
        assert_eq!(keys(&[1]).unwrap().decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys(&[2, 1]).unwrap().decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys(&[2]).unwrap().decrypt(&ticket), None);
        let later = keys(&[2, 1]).unwrap().encrypt(b"session").unwrap();
        assert_eq!(keys(&[1]).unwrap().decrypt(&later), None);
    }

    #[test]
    fn no_two_tickets_are_alike_and_none_shows_the_session() {
        let keys = keys(&[1]).unwrap();
        let [first, second] = [(); 2].map(|()| keys.encrypt(b"session").unwrap());
        assert_ne!(first[NAME..], second[NAME..]);
        assert!(!first.windows(7).any(|part| part == b"session"));
    }

    #[test]
    fn a_ticket_that_was_changed_or_cut_opens_nothing() {
        let keys = keys(&[1]).unwrap();
        let ticket = keys.encrypt(b"session").unwrap();
        for position in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[position] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "changed at {position}");
            assert_eq!(keys.decrypt(&ticket[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn a_file_that_has_no_whole_keys_is_refused() {
        assert!(keys(&[]).unwrap_err().what.contains("it has 0 bytes"));
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&[7; KEY + 1]).unwrap();
        let problem = SharedTicketer::read(file.path()).unwrap_err();
        assert!(problem.to_string().contains("it has 81 bytes"), "{problem}");
        assert!(problem.advice.contains("openssl rand"));
    }
}
