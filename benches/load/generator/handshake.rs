//! Handshakes as a load: connect, TLS, one request, close.

use std::rc::Rc;
use std::time::Instant;

use super::Client;
use super::connection::{Dialer, Sessions, resumed};
use super::fault::Fault;
use super::http1::{Expected, Http1};
use crate::meter::Seat;

/// Makes one connection after the other.
pub(crate) struct Handshakes {
    /// Makes a dialer with sessions of its own for each client, so that no two share a ticket.
    pub(crate) new_dialer: Box<dyn Fn() -> anyhow::Result<Dialer>>,
    pub(crate) sessions: Sessions,
    /// Asks the proxy to close, so that ports do not pile up on the client's side.
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

impl Handshakes {
    async fn once(&self, dialer: &Dialer, wanted: Sessions, seat: &Seat) -> Result<(), Fault> {
        let started = Instant::now();
        let connection = dialer.connect().await?;
        match wanted {
            Sessions::Forgotten if resumed(&connection) => {
                return Err(Fault::Wrong("a session was resumed unasked"));
            }
            Sessions::Resumed if !resumed(&connection) => return Err(Fault::Wrong("a session was not resumed")),
            Sessions::Forgotten | Sessions::Resumed => {}
        }
        let mut connection = Http1::new(connection);
        connection.ask(&self.request, self.expected, seat).await?;
        seat.completed(started);
        connection.closed().await;
        Ok(())
    }
}

impl Client for Handshakes {
    type Connection = Dialer;

    async fn open(&self) -> Result<Dialer, Fault> {
        let dialer = (self.new_dialer)().map_err(|_| Fault::Wrong("TLS cannot be set up"))?;
        Ok(dialer)
    }

    /// The first handshake of a client cannot resume; those behind it must.
    async fn run(&self, dialer: Dialer, seat: &Rc<Seat>) -> Result<(), Fault> {
        self.once(&dialer, Sessions::Forgotten, seat).await?;
        loop {
            self.once(&dialer, self.sessions, seat).await?;
        }
    }
}
