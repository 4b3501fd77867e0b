//! State shared by the compile steps: the model under construction and the diagnostics.

use std::path::{Path, PathBuf};

use crate::config::diagnostic::Diagnostics;
use crate::config::span::SourceSpan;
use crate::model::host::HostName;
use crate::model::upstream::UpstreamAddress;
use crate::model::{CertificateId, HostId, LogTarget, Model, VirtualHost};

/// The model under construction, the diagnostics and the base directory.
pub(super) struct CompileContext<'a> {
    /// Base directory of relative paths.
    pub(super) directory: &'a Path,
    pub(super) model: Model,
    pub(super) problems: &'a mut Diagnostics,
    /// Source span of each host of the model, by host id.
    host_spans: Vec<SourceSpan>,
    /// Certificates to obtain through ACME.
    pub(super) acme_requests: Vec<AcmeRequest>,
}

/// A certificate to obtain through ACME for a host.
pub(super) struct AcmeRequest {
    pub(super) certificate: CertificateId,
    /// Span of the value of `acme`.
    pub(super) span: SourceSpan,
    /// Further names in the certificate, beside the host names.
    pub(super) extra_names: Vec<HostName>,
}

/// Whether a host was added or an equal one exists.
pub(super) enum HostInsertion {
    New(HostId),
    /// An equal host exists; its span.
    Known(HostId, SourceSpan),
}

impl<'a> CompileContext<'a> {
    pub(super) fn new(directory: &'a Path, model: Model, problems: &'a mut Diagnostics) -> CompileContext<'a> {
        CompileContext { directory, model, problems, host_spans: Vec::new(), acme_requests: Vec::new() }
    }

    /// Adds a host. Equal hosts are stored once, and a listener could not distinguish the two; the caller
    /// therefore learns of an existing host and reports it.
    pub(super) fn add_host(&mut self, host: VirtualHost, span: &SourceSpan) -> HostInsertion {
        let id = self.model.add_host(host);
        match self.host_spans.get(id.index()) {
            Some(first) => HostInsertion::Known(id, first.clone()),
            None => {
                self.host_spans.push(span.clone());
                HostInsertion::New(id)
            }
        }
    }

    /// Resolves a path against the base directory.
    pub(super) fn path(&self, path: PathBuf) -> PathBuf {
        self.directory.join(path)
    }

    /// Resolves the socket path of an upstream address.
    pub(super) fn upstream(&self, address: UpstreamAddress) -> UpstreamAddress {
        match address {
            UpstreamAddress::Unix(path) => UpstreamAddress::Unix(self.path(path)),
            tcp @ UpstreamAddress::Tcp { .. } => tcp,
        }
    }

    /// Resolves the file path of an access log.
    pub(super) fn log_target(&self, target: LogTarget) -> LogTarget {
        match target {
            LogTarget::File(path) => LogTarget::File(self.path(path)),
            other @ (LogTarget::Off | LogTarget::Stdout) => other,
        }
    }
}
