//! TCP socket options: keep-alive, which detects a peer that disappeared without closing.

use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// Enables TCP keep-alive: the kernel probes an idle peer after 60 s, then every 30 s, and closes the
/// connection after four failed probes, that is, within three minutes. Without it, an idle tunnel to a machine
/// that lost power would stay open for an hour.
pub(crate) fn enable_keepalive(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(IDLE_TIME).with_interval(PROBE_INTERVAL).with_retries(4);
    // A connection without keep-alive is still usable.
    let _ = socket.set_tcp_keepalive(&keepalive);
}

const IDLE_TIME: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_secs(30);
