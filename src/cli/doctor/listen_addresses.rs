//! Checks that listen addresses are free, or names the program that holds them.

use super::finding::Finding;
use super::port_owner::{self, PortOwner};
use crate::model::{Listener, Model};
use crate::net::listener;
use crate::server::problem::StartupProblem;

/// Checks all listeners. An address that a running Gatepost listens on counts as free.
pub(super) fn check(model: &Model) -> Vec<Finding> {
    model.listeners.iter().filter_map(check_listener).collect()
}

fn check_listener(Listener { address, .. }: &Listener) -> Option<Finding> {
    if listener::is_in_use(*address) {
        return match port_owner::find(address.port()) {
            PortOwner::Gatepost => None,
            PortOwner::Program(name) if name == "nginx" => Some(Finding::problem(format!(
                "nginx listens on {address}; if it is the bundled nginx, set nginx['enable'] = false in gitlab.rb \
                 and run `gitlab-ctl reconfigure`, otherwise stop it"
            ))),
            PortOwner::Program(name) => {
                Some(Finding::problem(format!("{name} listens on {address}; stop it, or select another address")))
            }
            PortOwner::Unknown => Some(Finding::problem(format!(
                "another program listens on {address}; run `gatepost doctor` as root to see its name, and stop it"
            ))),
        };
    }
    let error = listener::bind(*address).err().filter(|error| !listener::is_ipv6_unavailable(*address, error))?;
    Some(Finding::problem(StartupProblem::Bind { address: *address, error }))
}
