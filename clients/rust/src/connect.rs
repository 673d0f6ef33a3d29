//! The way to a server, up to where its protocol begins.

use std::io;
use std::time::Duration;

use acequia_tls::{BadTls, Stream, shake};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{HeaderMap, RETRY_AFTER};

use crate::url::ServerUrl;

/// How long the WebSocket handshake may take.
pub(crate) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers at the address.
    #[error("no server answers at {authority}: {source}")]
    Unreachable {
        /// The host and port.
        authority: String,
        /// What the system says.
        source: io::Error,
    },
    /// Whoever answers does not prove to be the server by TLS.
    #[error("{url}: no TLS: {source}")]
    Tls {
        /// The whole URL.
        url: String,
        /// What is wrong.
        source: io::Error,
    },
    /// There is nobody to trust.
    #[error(transparent)]
    Authorities(#[from] BadTls),
    /// Whoever answers refuses the WebSocket.
    #[error("{url} answers {status}: {body}")]
    Refused {
        /// The whole URL.
        url: String,
        /// The HTTP status.
        status: StatusCode,
        /// What was said about it.
        body: String,
        /// When another try is worth while, if the server said so.
        retry_after: Option<Duration>,
    },
    /// Whoever answers does not speak this protocol.
    #[error("{url} is no Acequia server: {source}")]
    Handshake {
        /// The whole URL.
        url: String,
        /// What is wrong.
        source: Box<WsError>,
    },
    /// The handshake took too long.
    #[error("{url} does not answer the WebSocket handshake within {HANDSHAKE_TIME_MAX:?}")]
    Time {
        /// The whole URL.
        url: String,
    },
}

/// What `Retry-After` says in seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?;
    said.parse().ok().map(Duration::from_secs)
}

/// Dials a server.
pub(crate) async fn dial(server: &ServerUrl) -> Result<TcpStream, ConnectError> {
    let authority = server.authority();
    let unreachable =
        |source| ConnectError::Unreachable { authority: authority.to_owned(), source };
    TcpStream::connect(server.dialled()).await.map_err(unreachable)
}

/// Has the server prove who it is, if it is dialled by TLS.
pub(crate) async fn secure(stream: TcpStream, server: &ServerUrl) -> Result<Stream, ConnectError> {
    let Some((roots, host)) = server.to_be_proven() else { return Ok(Stream::Plain(stream)) };
    let shaken = shake(&roots?, host, stream).await;
    shaken.map_err(|source| ConnectError::Tls { url: server.to_string(), source })
}
