//! What the servers have in common that Acequia is compared with.

use std::io::Write as _;
use std::net::SocketAddr;

use acequia_wire::client::Encoding;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::serve::{Listener, ListenerExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Small buffers, as the server's sessions have, so that little more than the work differs.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 16 << 10;

/// A listener for a server to compare with, and its address.
pub(crate) async fn bind()
-> anyhow::Result<(impl Listener<Addr = SocketAddr, Io = TcpStream>, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener.tap_io(|stream| _ = stream.set_nodelay(true)), address))
}

/// Says where such a server is, as Acequia does.
pub(crate) fn say_ready(addresses: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "bench ready {addresses}")?)
}

/// Answers an upgrade as Acequia does.
pub(crate) fn on_upgrade<F>(
    upgrade: WebSocketUpgrade,
    session: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    offer(upgrade).read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER).on_upgrade(session)
}

/// Offers both encodings.
pub(crate) fn offer(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.protocols(Encoding::ALL.map(Encoding::subprotocol))
}
