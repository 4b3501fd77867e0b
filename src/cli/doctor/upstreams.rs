//! Whether every application can be reached now, by the account that will want to.

use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::finding::Finding;
use crate::model::Model;
use crate::model::upstream::{UpstreamAddress, UpstreamSpec};
use crate::sys::account::{FilePermission, UserAccount};

/// Connects to each, and closes the connection at once.
pub(super) fn examine(model: &Model) -> Vec<Finding> {
    let account = model.process.user.as_deref().and_then(|name| UserAccount::find(name).ok());
    let mut specs: Vec<&UpstreamSpec> = model.upstreams().iter().collect();
    specs.sort_by_key(|spec| spec.address.to_string());
    // One that is spoken to in several ways is still one.
    specs.dedup_by_key(|spec| spec.address.to_string());
    specs.into_iter().filter_map(|spec| examine_one(spec, account.as_ref())).collect()
}

fn examine_one(spec: &UpstreamSpec, account: Option<&UserAccount>) -> Option<Finding> {
    if let Err(error) = connect(&spec.address) {
        let advice = advice(&spec.address, &error);
        return Some(Finding::problem(format!("the application at {spec} cannot be reached: {error}; {advice}")));
    }
    let (UpstreamAddress::Unix(path), Some(account)) = (&spec.address, account) else { return None };
    // Connecting is writing (unix(7)).
    (account.has_permission(FilePermission::Write, path) == Some(false)).then(|| {
        Finding::problem(format!(
            "{account} may not connect to the application at {spec}; let its group write to the socket and enter \
             the directories above it (the package's own account for this is gitlab-www)"
        ))
    })
}

fn connect(address: &UpstreamAddress) -> io::Result<()> {
    match address {
        UpstreamAddress::Unix(path) => connect_to(Domain::UNIX, &unix(path)?),
        UpstreamAddress::Tcp { host, port } => {
            let mut last = io::Error::other("its name has no address");
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

fn advice(address: &UpstreamAddress, error: &io::Error) -> &'static str {
    match (address, error.kind()) {
        (UpstreamAddress::Unix(_), io::ErrorKind::NotFound) => {
            "the socket is not there: start the application (`gitlab-ctl status` shows which runs), or name its socket"
        }
        (_, io::ErrorKind::ConnectionRefused) => {
            "nobody listens there: start the application (`gitlab-ctl status` shows which runs), or name its address"
        }
        (_, io::ErrorKind::PermissionDenied) => "run this as root to see whether the proxy's account may",
        (_, io::ErrorKind::TimedOut) => "see that it runs, and that no firewall lies between",
        _ => "see that it runs, and that the address is right",
    }
}

/// For one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
