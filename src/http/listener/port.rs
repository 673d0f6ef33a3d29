//! Where connections come in: a port of TCP, or a unix socket.

use std::io;

use acequia_gate::TcpListeners;
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::access::Peer;

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Port {
    Tcp(TcpListeners),
    Socket(UnixListener),
}

/// A connection that has come.
pub(super) enum Accepted {
    Tcp(TcpStream),
    Socket(UnixStream),
}

impl Port {
    /// The next connection, and whose it is. Cancel-safe.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listeners) => {
                let (stream, address) = listeners.accept().await?;
                Ok((Accepted::Tcp(stream), Peer::from(address.ip()).canonical()))
            }
            Self::Socket(listener) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok((Accepted::Socket(stream), Peer::User(user)))
            }
        }
    }
}
