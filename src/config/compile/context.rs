//! What the steps of a compilation share.

use std::path::{Path, PathBuf};

use crate::config::diagnostic::Diagnostics;
use crate::config::span::SourceSpan;
use crate::model::host::HostName;
use crate::model::upstream::UpstreamAddress;
use crate::model::{CertificateId, HostId, LogTarget, Model, VirtualHost};

/// The model that is being made, and what was found wrong on the way.
pub(super) struct CompileContext<'a> {
    /// Where relative paths start.
    pub(super) directory: &'a Path,
    pub(super) model: Model,
    pub(super) problems: &'a mut Diagnostics,
    /// Where each host of the model is written.
    host_places: Vec<SourceSpan>,
    /// Which certificates are to be obtained.
    pub(super) acme_requests: Vec<AcmeRequest>,
}

/// A host that wants its certificate obtained.
pub(super) struct AcmeRequest {
    pub(super) certificate: CertificateId,
    /// Where it is wished for.
    pub(super) span: SourceSpan,
    /// Names in the certificate beside those of hosts.
    pub(super) further: Vec<HostName>,
}

/// Whether a host is new to the model.
pub(super) enum HostInsertion {
    New(HostId),
    /// An equal one is there already, written at this place.
    Known(HostId, SourceSpan),
}

impl<'a> CompileContext<'a> {
    pub(super) fn new(directory: &'a Path, model: Model, problems: &'a mut Diagnostics) -> CompileContext<'a> {
        CompileContext { directory, model, problems, host_places: Vec::new(), acme_requests: Vec::new() }
    }

    /// Adds a host. Equal hosts are one in the model, and then nobody could tell any more which of the
    /// two an address belongs to; so the caller is told.
    pub(super) fn add_host(&mut self, host: VirtualHost, place: &SourceSpan) -> HostInsertion {
        let id = self.model.add_host(host);
        match self.host_places.get(id.index()) {
            Some(first) => HostInsertion::Known(id, first.clone()),
            None => {
                self.host_places.push(place.clone());
                HostInsertion::New(id)
            }
        }
    }

    /// The full path of a file.
    pub(super) fn path(&self, path: PathBuf) -> PathBuf {
        self.directory.join(path)
    }

    /// The address with the full path of its socket.
    pub(super) fn upstream(&self, address: UpstreamAddress) -> UpstreamAddress {
        match address {
            UpstreamAddress::Unix(path) => UpstreamAddress::Unix(self.path(path)),
            tcp @ UpstreamAddress::Tcp { .. } => tcp,
        }
    }

    /// The log with the full path of its file.
    pub(super) fn log_target(&self, target: LogTarget) -> LogTarget {
        match target {
            LogTarget::File(path) => LogTarget::File(self.path(path)),
            other @ (LogTarget::Off | LogTarget::Stdout) => other,
        }
    }
}
