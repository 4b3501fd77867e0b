//! Probes whether a proxy responds, and which key exchange group it negotiates.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::Runtime;

use super::connection::{Connector, negotiated};
use super::error::ClientError;
use super::http1::{Expected, Http1};
use super::plan::Target;
use crate::key_group::KeyGroup;
use crate::meter::{ClientCounter, Progress, ThreadCounters};

/// A client that sends one small GET over TLS. Created before the proxy starts, so that its setup is not measured.
#[derive(Debug)]
pub(crate) struct Probe {
    runtime: Runtime,
    connector: Connector,
    request: Vec<u8>,
    expected: Expected,
    counter: ClientCounter,
}

impl Probe {
    /// Creates a probe of the proxy at `target`.
    ///
    /// # Errors
    /// The TLS options are not supported, or the runtime cannot be created.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (connector, request, expected) = target.single_get()?;
        let counters = Rc::new(ThreadCounters::new(Arc::new(Progress::default())));
        Ok(Self { runtime, connector, request, expected, counter: ClientCounter::new(&counters) })
    }

    /// Returns whether the proxy sends the expected response.
    pub(crate) fn succeeds(&self) -> bool {
        self.runtime.block_on(self.exchange()).is_ok()
    }

    /// Returns whether the proxy negotiates `group`.
    ///
    /// # Errors
    /// Connecting fails.
    pub(crate) fn negotiates(&self, group: KeyGroup) -> Result<bool, ClientError> {
        self.runtime.block_on(async { Ok(negotiated(group, &self.connector.connect().await?)) })
    }

    async fn exchange(&self) -> Result<(), ClientError> {
        let mut connection = Http1::new(self.connector.connect().await?);
        connection.exchange(&self.request, self.expected, &self.counter).await?;
        Ok(())
    }
}
