//! The public side: a TCP or ipc listener, and the streams it accepts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::config::GateConfig;
use crate::endpoint::Endpoint;
use crate::error::GateError;
use crate::peer::Peer;
use crate::tcp::TcpListeners;
use crate::unix::{self, SocketAccess, SocketFile};

pub(crate) struct PublicListener {
    listener: Listener,
    endpoint: Endpoint,
}

enum Listener {
    Tcp(TcpListeners),
    Ipc { listener: UnixListener, _file: Option<SocketFile> },
}

impl PublicListener {
    pub(crate) async fn bind(endpoint: &Endpoint) -> Result<Self, GateError> {
        match endpoint {
            Endpoint::Tcp { host, port } => {
                let listener = bind_tcp(endpoint, host, *port).await?;
                let address =
                    listener.local_addr().map_err(|source| GateError::of_bind(endpoint, source))?;
                let endpoint = Endpoint::of_address(address);
                Ok(Self { listener: Listener::Tcp(listener), endpoint })
            }
            Endpoint::Ipc { path } => {
                // Whoever may open the socket may run as a worker.
                let bound = SocketFile::listen(path, SocketAccess::Owner).await;
                let (listener, file) =
                    bound.map_err(|error| GateError::of_socket(endpoint, error))?;
                let listener = Listener::Ipc { listener, _file: Some(file) };
                Ok(Self { listener, endpoint: endpoint.clone() })
            }
            Endpoint::Abstract { name } => {
                let listener = unix::bind_abstract(name)
                    .map_err(|source| GateError::of_bind(endpoint, source))?;
                let listener = Listener::Ipc { listener, _file: None };
                Ok(Self { listener, endpoint: endpoint.clone() })
            }
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(Outer, Peer)> {
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Outer::Tcp(stream), Peer::Tcp(address)))
            }
            Listener::Ipc { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let pid = stream.peer_cred().ok().and_then(|cred| cred.pid());
                Ok((Outer::Ipc(stream), Peer::Ipc { pid }))
            }
        }
    }
}

async fn bind_tcp(endpoint: &Endpoint, host: &str, port: u16) -> Result<TcpListeners, GateError> {
    let host = if host == "*" { "0.0.0.0" } else { host };
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses =
        addresses.map_err(|source| GateError::Unresolved { endpoint: endpoint.clone(), source })?;
    TcpListeners::bind(addresses).map_err(|source| GateError::of_bind(endpoint, source))
}

/// The worker's side of a connection.
pub(crate) enum Outer {
    Tcp(TcpStream),
    Ipc(UnixStream),
}

impl Outer {
    /// Sees to it that messages leave at once and that a dead host is found out. A process of
    /// this host needs neither.
    pub(crate) fn set_options(&self, config: &GateConfig) {
        let Self::Tcp(stream) = self else { return };
        let set = || -> io::Result<()> {
            stream.set_nodelay(true)?;
            let socket = SockRef::from(stream);
            let keepalive = TcpKeepalive::new()
                .with_time(config.keepalive_idle)
                .with_interval(config.keepalive_interval);
            socket.set_tcp_keepalive(&keepalive)?;
            #[cfg(any(target_os = "linux", target_os = "android"))]
            socket.set_tcp_user_timeout(Some(config.tcp_user_timeout))?;
            Ok(())
        };
        if let Err(error) = set() {
            tracing::debug!(%error, "a connection keeps the system's options");
        }
    }
}

impl AsyncRead for Outer {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Ipc(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Outer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Ipc(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Ipc(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_get_their_options() {
        let listener = PublicListener::bind(&"tcp://127.0.0.1:0".parse().unwrap()).await.unwrap();
        let Listener::Tcp(tcp) = &listener.listener else { panic!("not TCP") };
        let address = tcp.local_addr().unwrap();
        let (_worker, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (outer, _) = accepted.unwrap();
        let config = GateConfig::default();
        outer.set_options(&config);
        let Outer::Tcp(stream) = &outer else { panic!("not TCP") };
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(config.tcp_user_timeout));
            assert_eq!(socket.tcp_keepalive_time().unwrap(), config.keepalive_idle);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), config.keepalive_interval);
        }
    }
}
