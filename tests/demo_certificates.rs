//! Temporary certificates of the demo: validity for names and CAs.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use gatepost::cli::demo::certificates::{DemoCertificateError, DemoCertificates, issue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

#[test]
fn each_certificate_is_valid_for_its_own_name_only() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let names = ["gitlab.localhost", "mattermost.localhost"];
    let issued = issue(directory.path(), &names).expect("certificates");
    for (host, name) in names.iter().enumerate() {
        handshake(&issued, host, name).expect("the name is on the certificate");
        let other = names[1 - host];
        handshake(&issued, host, other).expect_err("the name is not on the certificate");
    }
}

#[test]
fn the_ca_of_another_run_does_not_verify_the_certificates() {
    let (directory, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let mut issued = issue(directory.path(), &["gitlab.localhost"]).expect("certificates");
    issued.ca = issue(other.path(), &["gitlab.localhost"]).expect("certificates").ca;
    handshake(&issued, 0, "gitlab.localhost").expect_err("the CA is another");
}

#[test]
fn keys_are_owner_only_even_if_an_older_file_was_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let key = directory.path().join("gitlab.localhost.key");
    fs::write(&key, "old").expect("an old file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("its permissions");
    let issued = issue(directory.path(), &["gitlab.localhost"]).expect("certificates");
    assert_eq!(issued.hosts[0].files.key, key);
    assert_eq!(fs::metadata(&key).expect("the key").permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&key).expect("the key").starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn an_invalid_host_name_is_rejected_before_any_file_is_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let error = issue(directory.path(), &["gitlab.localhost", "../evil"]).expect_err("an invalid host name");
    assert!(matches!(&error, DemoCertificateError::Host { text, .. } if text == "../evil"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0);
}

/// Completes a handshake in memory between a client that trusts only the issued CA and requests `name`, and a
/// server with the certificate of one issued host.
fn handshake(issued: &DemoCertificates, host: usize, name: &str) -> Result<(), rustls::Error> {
    let mut client = tls_client(issued, name);
    let mut server = tls_server(issued, host);
    for _ in 0..MAX_ROUND_TRIPS {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("a write to memory succeeds");
        server.read_tls(&mut wire.as_slice()).expect("a read from memory succeeds");
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).expect("a write to memory succeeds");
        client.read_tls(&mut wire.as_slice()).expect("a read from memory succeeds");
        client.process_new_packets()?;
    }
    assert!(
        !client.is_handshaking() && !server.is_handshaking(),
        "the handshake exceeds the maximum number of round trips"
    );
    Ok(())
}

fn tls_client(issued: &DemoCertificates, name: &str) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&issued.ca).expect("the CA certificate")).expect("a trust anchor");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    ClientConnection::new(Arc::new(config), name).expect("a client connection")
}

fn tls_server(issued: &DemoCertificates, host: usize) -> ServerConnection {
    let files = &issued.hosts[host].files;
    let chain =
        CertificateDer::pem_file_iter(&files.chain).expect("the chain").map(|it| it.expect("PEM")).collect();
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("the key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate with its key");
    ServerConnection::new(Arc::new(config)).expect("a server connection")
}

/// TLS 1.2 takes two round trips, TLS 1.3 one, or two with a HelloRetryRequest.
const MAX_ROUND_TRIPS: usize = 3;
