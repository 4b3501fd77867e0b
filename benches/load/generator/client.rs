//! The interface of all clients of the generator.

use std::rc::Rc;

use super::error::ClientError;
use crate::meter::ClientCounter;

/// A client that opens a connection and works on it until it closes.
pub(crate) trait Client {
    type Connection;

    /// # Errors
    /// Connecting fails, or a response is invalid.
    async fn open(&self) -> Result<Self::Connection, ClientError>;

    /// Works on the connection. Returns after an orderly close; the caller then opens a new connection.
    ///
    /// # Errors
    /// The connection fails or a response is invalid.
    async fn run(&self, connection: Self::Connection, counter: &Rc<ClientCounter>) -> Result<(), ClientError>;
}
