//! Noticing a peer that vanished without a word.

use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// Lets the kernel ask a silent peer whether it is still there; one that is not is noticed within about
/// three minutes. Without it, a quiet tunnel to a machine that lost its power would stay for an hour.
pub(crate) fn enable_keepalive(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(AFTER).with_interval(EVERY).with_retries(4);
    // Failing to set an option is no reason to do without the connection.
    let _ = socket.set_tcp_keepalive(&keepalive);
}

const AFTER: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(30);
