//! Whether the addresses to listen on are free, or who has them.

use super::finding::Finding;
use super::port_owner::{self, PortOwner};
use crate::model::{Listener, Model};
use crate::net::listener;
use crate::server::problem::StartupProblem;

/// An address that Gatepost itself listens on is as good as a free one.
pub(super) fn examine(model: &Model) -> Vec<Finding> {
    model.listeners.iter().filter_map(examine_one).collect()
}

fn examine_one(Listener { address, .. }: &Listener) -> Option<Finding> {
    if listener::is_in_use(*address) {
        return match port_owner::on(address.port()) {
            PortOwner::Gatepost => None,
            PortOwner::Program(name) if name == "nginx" => Some(Finding::problem(format!(
                "nginx listens on {address}; if it is the bundled one, set nginx['enable'] = false in gitlab.rb and run \
                 `gitlab-ctl reconfigure`, else stop it"
            ))),
            PortOwner::Program(name) => {
                Some(Finding::problem(format!("{name} listens on {address}; stop it, or choose another address")))
            }
            PortOwner::Unknown => Some(Finding::problem(format!(
                "another program listens on {address}; run this as root to learn which, and stop it"
            ))),
        };
    }
    let error = listener::bind(*address).err().filter(|error| !listener::is_ipv6_unavailable(*address, error))?;
    Some(Finding::problem(StartupProblem::Bind { address: *address, error }))
}
