//! Handshake load: connect, TLS handshake, one request, close.

use std::rc::Rc;
use std::time::Instant;

use super::client::Client;
use super::connection::{Connector, SessionResumption, resumed};
use super::error::ClientError;
use super::http1::{Expected, Http1};
use crate::meter::ClientCounter;

/// Opens connections one after the other.
pub(crate) struct Handshakes {
    /// Creates a connector per client, so that clients do not share tickets.
    pub(crate) new_connector: Box<dyn Fn() -> anyhow::Result<Connector>>,
    pub(crate) resumption: SessionResumption,
    /// Has `Connection: close`: the proxy closes first, so no TIME_WAIT sockets use up the client's ports.
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

impl Handshakes {
    async fn once(
        &self,
        connector: &Connector,
        expected_resumption: SessionResumption,
        counter: &ClientCounter,
    ) -> Result<(), ClientError> {
        let started = Instant::now();
        let connection = connector.connect().await?;
        match expected_resumption {
            SessionResumption::Disabled if resumed(&connection) => {
                return Err(ClientError::Protocol("unexpected session resumption"));
            }
            SessionResumption::Enabled if !resumed(&connection) => {
                return Err(ClientError::Protocol("the session was not resumed"));
            }
            SessionResumption::Disabled | SessionResumption::Enabled => {}
        }
        let mut connection = Http1::new(connection);
        connection.exchange(&self.request, self.expected, counter).await?;
        counter.completed(started);
        connection.wait_for_close().await;
        Ok(())
    }
}

impl Client for Handshakes {
    type Connection = Connector;

    async fn open(&self) -> Result<Connector, ClientError> {
        let connector =
            (self.new_connector)().map_err(|_| ClientError::Protocol("cannot create the TLS configuration"))?;
        Ok(connector)
    }

    /// The first handshake of a client is full; the following ones must resume if resumption is enabled.
    async fn run(&self, connector: Connector, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        self.once(&connector, SessionResumption::Disabled, counter).await?;
        loop {
            self.once(&connector, self.resumption, counter).await?;
        }
    }
}
