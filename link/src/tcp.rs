//! TCP below a link.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How often a connection that is silent is asked for a sign.
const KEEPALIVE: Duration = Duration::from_secs(3);
/// How long what was sent may go without an answer of the other host.
#[cfg(target_os = "linux")]
const UNANSWERED_TIME_MAX: Duration = Duration::from_secs(10);

/// Sees to it that frames leave at once, and that a host that is gone is found out.
pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNANSWERED_TIME_MAX))?;
    Ok(())
}
