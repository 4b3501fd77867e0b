//! Checks that every upstream accepts a connection.

use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::finding::Finding;
use crate::model::Model;
use crate::model::upstream::{UpstreamAddress, UpstreamSpec};
use crate::sys::account::{FilePermission, UserAccount};

/// Connects to each upstream address and closes the connection immediately. For unix sockets, also checks the
/// permissions of the account that serves.
pub(super) fn check(model: &Model) -> Vec<Finding> {
    let account = model.process.user.as_deref().and_then(|name| UserAccount::find(name).ok());
    let mut specs: Vec<&UpstreamSpec> = model.upstreams().iter().collect();
    specs.sort_by_key(|spec| spec.address.to_string());
    // Several upstreams may share an address, with different protocols or timeouts.
    specs.dedup_by_key(|spec| spec.address.to_string());
    specs.into_iter().filter_map(|spec| check_upstream(spec, account.as_ref())).collect()
}

fn check_upstream(spec: &UpstreamSpec, account: Option<&UserAccount>) -> Option<Finding> {
    if let Err(error) = connect(&spec.address) {
        let advice = advice(&spec.address, &error);
        return Some(Finding::problem(format!("cannot connect to the upstream {spec}: {error}; {advice}")));
    }
    let (UpstreamAddress::Unix(path), Some(account)) = (&spec.address, account) else { return None };
    // Connecting requires write permission on the socket (unix(7)).
    (account.has_permission(FilePermission::Write, path) == Some(false)).then(|| {
        Finding::problem(format!(
            "{account} may not connect to the upstream {spec}; let the group of the account write to the socket \
             and enter the directories above it (the account of the package for this is gitlab-www)"
        ))
    })
}

fn connect(address: &UpstreamAddress) -> io::Result<()> {
    match address {
        UpstreamAddress::Unix(path) => connect_to(Domain::UNIX, &unix(path)?),
        UpstreamAddress::Tcp { host, port } => {
            let mut last = io::Error::other("the host name has no address");
            for address in (host.as_str(), *port).to_socket_addrs()? {
                match connect_to(Domain::for_address(address), &address.into()) {
                    Ok(()) => return Ok(()),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }
}

fn unix(path: &Path) -> io::Result<SockAddr> {
    SockAddr::unix(path)
}

fn connect_to(domain: Domain, address: &SockAddr) -> io::Result<()> {
    Socket::new(domain, Type::STREAM, None)?.connect_timeout(address, CONNECT_TIMEOUT)
}

/// Returns what to do about a connect error.
fn advice(address: &UpstreamAddress, error: &io::Error) -> &'static str {
    match (address, error.kind()) {
        (UpstreamAddress::Unix(_), io::ErrorKind::NotFound) => {
            "the socket does not exist: start the service (`gitlab-ctl status` lists them), or correct the path"
        }
        (_, io::ErrorKind::ConnectionRefused) => {
            "no program listens there: start the service (`gitlab-ctl status` lists them), or correct the address"
        }
        (_, io::ErrorKind::PermissionDenied) => {
            "run `gatepost doctor` as root to check the permissions of the account that serves"
        }
        (_, io::ErrorKind::TimedOut) => "check that the service runs and that no firewall blocks the connection",
        _ => "check that the service runs and that the address is correct",
    }
}

/// Time limit for one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
