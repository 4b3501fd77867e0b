//! Assigns hosts to listeners and reports conflicts on an address.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::Spanned;
use crate::config::span::SourceSpan;
use crate::model::host::{HostName, HostPattern, HostTable};
use crate::model::{HostId, Listener, ListenerTransport, ProxyProtocolMode};

/// A host bound to a listening address.
pub(super) struct HostBinding {
    pub(super) address: Spanned<SocketAddr>,
    pub(super) proxy_protocol: ProxyProtocolMode,
    pub(super) transport: ListenerTransport,
    pub(super) host: HostId,
    pub(super) names: Vec<Spanned<HostPattern>>,
    pub(super) kind: BindingKind,
}

/// Whether a binding serves the host or redirects to it.
#[derive(Clone, PartialEq)]
pub(super) enum BindingKind {
    Serve,
    /// The redirect host of a TLS host.
    Redirect,
    /// A redirect host that equals the one of another host; the span of that host.
    SameRedirect(SourceSpan),
}

/// All listening addresses and the hosts bound to them.
#[derive(Default)]
pub(super) struct ListenerTable(BTreeMap<SocketAddr, ListenerEntry>);

/// The bindings of one address.
struct ListenerEntry {
    /// Hosts that require a PROXY header.
    proxied: Vec<HostRef>,
    /// Hosts that do not.
    direct: Vec<HostRef>,
    transport: ListenerTransport,
    /// The first host, which determines the transport.
    first: HostRef,
    hosts: HostTable<HostId>,
    owners: HashMap<HostPattern, (SourceSpan, BindingKind)>,
}

/// Host names and span, for diagnostics. Several hosts can have one span: a loop in a `gitlab.rb`.
struct HostRef {
    span: SourceSpan,
    names: String,
}

impl HostBinding {
    fn host_ref(&self) -> HostRef {
        let names: Vec<_> = self.names.iter().map(|name| format!("`{}`", name.value)).collect();
        HostRef { span: self.address.span.clone(), names: names.join(" and ") }
    }
}

impl fmt::Display for HostRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at {}", self.names, self.span)
    }
}

impl ListenerTable {
    /// Adds a host binding or reports a conflict.
    pub(super) fn bind(&mut self, binding: HostBinding, problems: &mut Diagnostics) {
        let address = binding.address.value;
        let listener = self.0.entry(address).or_insert_with(|| ListenerEntry {
            proxied: Vec::new(),
            direct: Vec::new(),
            transport: binding.transport,
            first: binding.host_ref(),
            hosts: HostTable::new(),
            owners: HashMap::new(),
        });
        if listener.transport != binding.transport {
            problems.push(transport_conflict(&binding, &listener.first));
            return;
        }
        match binding.proxy_protocol {
            ProxyProtocolMode::None => listener.direct.push(binding.host_ref()),
            ProxyProtocolMode::ProxyProtocol => listener.proxied.push(binding.host_ref()),
        }
        for name in binding.names {
            let owner = (name.span.clone(), binding.kind.clone());
            if let Some(first) = listener.owners.get(&name.value) {
                problems.push(duplicate_name(&name, address, [first, &owner]));
                continue;
            }
            if let BindingKind::SameRedirect(first) = &binding.kind {
                problems.push(duplicate_redirect(&name, first));
            }
            listener.owners.insert(name.value.clone(), owner);
            listener.hosts.insert(name.value, binding.host);
        }
    }

    /// Warns about hosts that require a PROXY header only because another host on the same address does.
    /// The header precedes the TLS handshake and the request, so the host is not known yet: as in nginx, one host
    /// enables it for all hosts of the address.
    pub(super) fn report_shared_proxy_protocol(&self, problems: &mut Diagnostics) {
        for (address, listener) in &self.0 {
            let Some(other) = listener.proxied.first() else { continue };
            for HostRef { span, names } in &listener.direct {
                let message =
                    format!("connections to {names} require a PROXY header, although the host does not enable it");
                let warning = Diagnostic::warning(span, message);
                problems.push(warning.help(format!(
                    "set `proxy_protocol = true`, or use another address: {address} is shared with {other}"
                )));
            }
        }
    }

    /// Returns the listeners by address. The first of `default_hosts` that is bound to an address is its default
    /// host for unknown names; without one, the status host.
    pub(super) fn into_model(self, default_hosts: &[Spanned<HostName>], status: Option<HostId>) -> Vec<Listener> {
        let patterns: Vec<_> = default_hosts.iter().map(|name| HostPattern::Exact(name.value.clone())).collect();
        let finish = |(address, entry): (SocketAddr, ListenerEntry)| {
            let mut hosts = entry.hosts;
            let entries = hosts.entries();
            let bound =
                |pattern: &HostPattern| entries.iter().find(|(name, _)| name == pattern).map(|(_, id)| **id);
            let status_host = || entries.iter().map(|(_, id)| **id).find(|id| Some(*id) == status);
            hosts.default = patterns.iter().find_map(bound).or_else(status_host);
            let preamble =
                if entry.proxied.is_empty() { ProxyProtocolMode::None } else { ProxyProtocolMode::ProxyProtocol };
            Listener { address, proxy_protocol: preamble, transport: entry.transport, hosts }
        };
        self.0.into_iter().map(finish).collect()
    }
}

fn transport_conflict(binding: &HostBinding, first: &HostRef) -> Diagnostic {
    let Spanned { value: address, span } = &binding.address;
    let HostRef { names, .. } = binding.host_ref();
    if binding.kind == BindingKind::Serve {
        return Diagnostic::error(span, "an address is used both with TLS and without")
            .help(format!("use another address for {names}: {address} is used by {first}"));
    }
    Diagnostic::error(span, format!("cannot redirect to {names} from an address that is used for TLS"))
        .help(format!("set another address in `redirect_from`: {address} is used by {first}"))
}

fn duplicate_redirect(name: &Spanned<HostPattern>, first: &SourceSpan) -> Diagnostic {
    Diagnostic::error(&name.span, format!("duplicate redirect to `{}`", name.value))
        .help(format!("list all plain HTTP addresses in `redirect_from` of the first host, at {first}"))
}

fn duplicate_name(
    name: &Spanned<HostPattern>,
    address: SocketAddr,
    owners: [&(SourceSpan, BindingKind); 2],
) -> Diagnostic {
    let [(first, _), _] = owners;
    let error = Diagnostic::error(&name.span, format!("two hosts have the name `{}` on one address", name.value))
        .help(format!("rename one of them, or use another address: {address} is used by the host at {first}"));
    if owners.iter().any(|(_, kind)| *kind != BindingKind::Serve) {
        return error.help("a TLS host also uses the addresses in `redirect_from`; [] disables its redirect");
    }
    error
}
