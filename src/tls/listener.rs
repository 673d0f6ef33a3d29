//! The port of HTTP and WebSocket, with TLS or without.
//!
//! Handshakes are tasks of their own, bounded in number and time: one that does not get on holds up
//! nobody else.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener as AxumListener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Keys, Stream};
use crate::metrics::{RefusedRequest, RefusedRequests};

/// How long a TLS handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// The most handshakes under way; whoever comes then is closed.
const HANDSHAKES_MAX: usize = 1_024;
/// Connections that wait to be served.
const READY_MAX: usize = 64;

/// The port, accepting.
pub(crate) enum Listener {
    Plain(TcpListener),
    Tls { ready: mpsc::Receiver<(Stream, SocketAddr)>, address: SocketAddr },
}

impl Listener {
    /// Accepts on `tcp`, by TLS if there are keys.
    pub(crate) fn new(
        tcp: TcpListener,
        keys: Option<Keys>,
        refused: RefusedRequests,
    ) -> io::Result<Self> {
        let Some(keys) = keys else { return Ok(Self::Plain(tcp)) };
        let (sender, ready) = mpsc::channel(READY_MAX);
        let address = tcp.local_addr()?;
        tokio::spawn(accept(tcp, keys, sender, refused));
        Ok(Self::Tls { ready, address })
    }
}

impl AxumListener for Listener {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self {
            Self::Plain(tcp) => {
                let (stream, peer) = AxumListener::accept(tcp).await;
                (Stream::Plain(stream), peer)
            }
            Self::Tls { ready, .. } => match ready.recv().await {
                Some(accepted) => accepted,
                // The server is at its end.
                None => pending().await,
            },
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(tcp) => tcp.local_addr(),
            Self::Tls { address, .. } => Ok(*address),
        }
    }
}

/// Accepts until nobody wants the connections any more.
async fn accept(
    mut tcp: TcpListener,
    keys: Keys,
    ready: mpsc::Sender<(Stream, SocketAddr)>,
    refused: RefusedRequests,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = AxumListener::accept(&mut tcp) => accepted,
            () = ready.closed() => return,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            refused.count(RefusedRequest::Tls);
            continue;
        };
        let (acceptor, ready) = (TlsAcceptor::from(keys.now()), ready.clone());
        let refused = refused.clone();
        tokio::spawn(async move {
            match shake(&acceptor, stream).await {
                // Whoever waited for it has gone.
                Ok(stream) => _ = ready.send((stream, peer)).await,
                Err(error) => {
                    refused.count(RefusedRequest::Tls);
                    tracing::debug!(%peer, %error, "no TLS handshake");
                }
            }
            drop(place);
        });
    }
}

async fn shake(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<Stream> {
    let shaken = timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await??;
    Ok(Stream::Tls(Box::new(shaken.into())))
}
