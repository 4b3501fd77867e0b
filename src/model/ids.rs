//! Typed ids: indexes into the tables of the model.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            /// Ids are issued only by the `add_…` functions of [`Model`](super::Model), so a lookup cannot
            /// fail.
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub(super) usize);

            impl $name {
                /// Returns the position, for tables parallel to those of the model.
                pub fn index(self) -> usize {
                    self.0
                }
            }
        )*
    };
}

ids! {
    /// Id of a [`VirtualHost`](super::VirtualHost).
    HostId
    /// Id of an [`UpstreamSpec`](super::upstream::UpstreamSpec).
    UpstreamId
    /// Id of [`CertificateFiles`](super::CertificateFiles).
    CertificateId
    /// Id of [`TlsSettings`](super::tls::TlsSettings).
    TlsId
    /// Id of a [`LogTarget`](super::LogTarget).
    LogId
    /// Id of [`ErrorPages`](super::error_page::ErrorPages).
    ErrorPagesId
}
