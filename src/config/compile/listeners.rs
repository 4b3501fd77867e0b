//! Who answers on which address, and whether all agree about it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::Spanned;
use crate::config::span::SourceSpan;
use crate::model::host::{HostName, HostPattern, HostTable};
use crate::model::{HostId, Listener, ListenerTransport, ProxyProtocolMode};

/// A host that wants to answer on an address.
pub(super) struct HostBinding {
    pub(super) address: Spanned<SocketAddr>,
    pub(super) preamble: ProxyProtocolMode,
    pub(super) transport: ListenerTransport,
    pub(super) host: HostId,
    pub(super) names: Vec<Spanned<HostPattern>>,
    pub(super) purpose: BindingKind,
}

/// Why a host answers there.
#[derive(Clone, PartialEq)]
pub(super) enum BindingKind {
    Serve,
    /// The plain side of a TLS host.
    Redirect,
    /// The same as the plain side of another host, which is there.
    SameRedirect(SourceSpan),
}

/// All addresses with those who answer there.
#[derive(Default)]
pub(super) struct ListenerTable(BTreeMap<SocketAddr, ListenerEntry>);

/// What is known of one address so far.
struct ListenerEntry {
    /// Who wants connections to begin with a PROXY header, and who is there without asking for it.
    proxied: Vec<HostRef>,
    direct: Vec<HostRef>,
    transport: ListenerTransport,
    /// Who decided the transport.
    first: HostRef,
    hosts: HostTable<HostId>,
    owners: HashMap<HostPattern, (SourceSpan, BindingKind)>,
}

/// A host as people know it. Several may stand at one place, in a loop of a `gitlab.rb`.
struct HostRef {
    place: SourceSpan,
    names: String,
}

impl HostBinding {
    fn party(&self) -> HostRef {
        let names: Vec<_> = self.names.iter().map(|name| format!("`{}`", name.value)).collect();
        HostRef { place: self.address.span.clone(), names: names.join(" and ") }
    }
}

impl fmt::Display for HostRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at {}", self.names, self.place)
    }
}

impl ListenerTable {
    /// Adds a claim, or reports why it contradicts the earlier ones.
    pub(super) fn bind(&mut self, claim: HostBinding, problems: &mut Diagnostics) {
        let address = claim.address.value;
        let listener = self.0.entry(address).or_insert_with(|| ListenerEntry {
            proxied: Vec::new(),
            direct: Vec::new(),
            transport: claim.transport,
            first: claim.party(),
            hosts: HostTable::new(),
            owners: HashMap::new(),
        });
        if listener.transport != claim.transport {
            problems.push(of_two_kinds(&claim, &listener.first));
            return;
        }
        match claim.preamble {
            ProxyProtocolMode::None => listener.direct.push(claim.party()),
            ProxyProtocolMode::ProxyProtocol => listener.proxied.push(claim.party()),
        }
        for name in claim.names {
            let owner = (name.span.clone(), claim.purpose.clone());
            if let Some(first) = listener.owners.get(&name.value) {
                problems.push(claimed_twice(&name, address, [first, &owner]));
                continue;
            }
            if let BindingKind::SameRedirect(first) = &claim.purpose {
                problems.push(redirected_twice(&name, first));
            }
            listener.owners.insert(name.value.clone(), owner);
            listener.hosts.insert(name.value, claim.host);
        }
    }

    /// Warns of hosts that get connections with a PROXY header only because another host on an address of
    /// theirs asks for it. The header comes before anybody knows the host, so, as in nginx, one asks for all.
    pub(super) fn report_shared_preambles(&self, problems: &mut Diagnostics) {
        for (address, listener) in &self.0 {
            let Some(asking) = listener.proxied.first() else { continue };
            for HostRef { place, names } in &listener.direct {
                let message = format!("connections to {names} must begin with a PROXY header too");
                let warning = Diagnostic::warning(place, message);
                problems.push(warning.help(format!("it asks for none, but shares {address} with {asking}")));
            }
        }
    }

    /// The listeners in order of their addresses. On each the first of `default_hosts` that answers there
    /// answers for unknown names too; where there is none, the host of the status pages does.
    pub(super) fn into_model(self, default_hosts: &[Spanned<HostName>], status: Option<HostId>) -> Vec<Listener> {
        let wanted: Vec<_> = default_hosts.iter().map(|said| HostPattern::Exact(said.value.clone())).collect();
        let finish = |(address, admitted): (SocketAddr, ListenerEntry)| {
            let mut hosts = admitted.hosts;
            let entries = hosts.entries();
            let here = |wanted: &HostPattern| entries.iter().find(|(name, _)| name == wanted).map(|(_, id)| **id);
            let of_status = || entries.iter().map(|(_, id)| **id).find(|id| Some(*id) == status);
            hosts.default = wanted.iter().find_map(here).or_else(of_status);
            let preamble = if admitted.proxied.is_empty() {
                ProxyProtocolMode::None
            } else {
                ProxyProtocolMode::ProxyProtocol
            };
            Listener { address, proxy_protocol: preamble, transport: admitted.transport, hosts }
        };
        self.0.into_iter().map(finish).collect()
    }
}

fn of_two_kinds(claim: &HostBinding, first: &HostRef) -> Diagnostic {
    let Spanned { value: address, span: place } = &claim.address;
    let HostRef { names, .. } = claim.party();
    if claim.purpose == BindingKind::Serve {
        return Diagnostic::error(place, "an address is asked for both with TLS and without")
            .help(format!("{names} listens on {address}, and so does {first}"));
    }
    Diagnostic::error(place, format!("the redirect of {names} has no room: its address is asked for with TLS"))
        .help(format!("{address} belongs to {first}; the redirect needs another port"))
}

fn redirected_twice(name: &Spanned<HostPattern>, first: &SourceSpan) -> Diagnostic {
    Diagnostic::error(&name.span, format!("the redirect to `{}` repeats an earlier one", name.value))
        .help(format!("that is at {first}; list all plain addresses in its `redirect_from`"))
}

fn claimed_twice(
    name: &Spanned<HostPattern>,
    address: SocketAddr,
    owners: [&(SourceSpan, BindingKind); 2],
) -> Diagnostic {
    let [(first, _), _] = owners;
    let error = Diagnostic::error(&name.span, format!("two hosts claim the name `{}` on one address", name.value))
        .help(format!("both answer on {address}; the other is at {first}"));
    if owners.iter().any(|(_, purpose)| *purpose != BindingKind::Serve) {
        return error.help("a TLS host also claims the addresses in `redirect_from`; [] turns its redirect off");
    }
    error
}
