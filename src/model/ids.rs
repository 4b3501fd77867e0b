//! Typed indexes into the tables of a model.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            ///
            /// Only the model's own `add_…` makes one, so looking it up cannot fail.
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub(super) usize);

            impl $name {
                /// The position, for tables that run beside the model's.
                pub fn index(self) -> usize {
                    self.0
                }
            }
        )*
    };
}

ids! {
    /// Names a [`VirtualHost`](super::VirtualHost) of a model.
    HostId
    /// Names an [`UpstreamSpec`](super::upstream::UpstreamSpec) of a model.
    UpstreamId
    /// Names a pair of [`CertificateFiles`](super::CertificateFiles) of a model.
    CertificateId
    /// Names the [`TlsTerms`](super::tls::TlsSettings) of hosts of a model.
    TlsId
    /// Names a [`LogTarget`](super::LogTarget) of a model.
    LogId
    /// Names [`ErrorPages`](super::error_page::ErrorPages) of a model.
    ErrorPagesId
}
