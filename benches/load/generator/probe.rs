//! A look whether a proxy answers yet, and in which group it agrees on keys.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::Runtime;

use super::Target;
use super::connection::{Dialer, agreed_in};
use super::fault::Fault;
use super::http1::{Expected, Http1};
use crate::key_group::KeyGroup;
use crate::meter::{Lane, Progress, Seat};

/// Asks for one small answer over TLS; made before the proxy starts, so that only asking takes time.
#[derive(Debug)]
pub(crate) struct Probe {
    runtime: Runtime,
    dialer: Dialer,
    request: Vec<u8>,
    expected: Expected,
    seat: Seat,
}

impl Probe {
    /// A probe of the proxy at `target`.
    ///
    /// # Errors
    /// TLS or the event loop cannot be set up.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (dialer, request, expected) = target.single_get()?;
        let lane = Rc::new(Lane::new(Arc::new(Progress::default())));
        Ok(Self { runtime, dialer, request, expected, seat: Seat::on(&lane) })
    }

    /// Whether the proxy gives the right answer now.
    pub(crate) fn answers(&self) -> bool {
        self.runtime.block_on(self.ask()).is_ok()
    }

    /// Whether the proxy agrees on keys in `group` now.
    ///
    /// # Errors
    /// It cannot be connected to.
    pub(crate) fn agrees_in(&self, group: KeyGroup) -> Result<bool, Fault> {
        self.runtime.block_on(async { Ok(agreed_in(group, &self.dialer.connect().await?)) })
    }

    async fn ask(&self) -> Result<(), Fault> {
        let mut connection = Http1::new(self.dialer.connect().await?);
        connection.ask(&self.request, self.expected, &self.seat).await?;
        Ok(())
    }
}
