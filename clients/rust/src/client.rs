//! One session over WebSocket: ops out, events in.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use acequia_tls::Stream;
use acequia_wire::client::{BadEvent, Encoding, Event, Op};
use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::connect::{ConnectError, HANDSHAKE_TIME_MAX, dial, retry_after, secure};
use crate::url::ServerUrl;

/// How long a server may take to answer a close.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(500);
/// Memory that each connection holds for what may come. A bench opens thousands.
const READ_BUFFER: usize = 4 << 10;
/// Ops are written when so much has gathered, or on a flush.
const WRITE_BUFFER: usize = 16 << 10;
/// Largest message from a server: the default limit of a result, as base64, with room for an
/// operator who raised it.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// One connection to a server, and with it one session.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<Stream>,
    encoding: Encoding,
}

/// A message that is encoded once and may be sent often; cheap to clone.
#[derive(Clone, Debug)]
pub struct Frame(Message);

impl Frame {
    /// A message of one op.
    pub fn op(op: &Op, encoding: Encoding) -> Self {
        Self::raw(op.encode(encoding).into(), encoding)
    }

    /// A message of these bytes, which nothing checks: a binary frame for MessagePack, and for
    /// JSON a text frame, in which what is not UTF-8 is replaced.
    pub fn raw(bytes: Bytes, encoding: Encoding) -> Self {
        Self(match encoding {
            Encoding::MsgPack => Message::Binary(bytes),
            Encoding::Json => Message::Text(match Utf8Bytes::try_from(bytes.clone()) {
                Ok(text) => text,
                Err(_) => String::from_utf8_lossy(&bytes).into_owned().into(),
            }),
        })
    }
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server closed it.
    #[error("the server closed the connection: {reason} (code {code})")]
    Closed {
        /// The WebSocket close code.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// It broke.
    #[error("the connection is lost: {0}")]
    Lost(Box<WsError>),
    /// The server says what this version does not understand.
    #[error("the server speaks another version: {0}")]
    BadEvent(#[from] BadEvent),
}

impl Client {
    /// Connects and opens a session.
    ///
    /// # Errors
    /// If there is no server, or it does not take the session.
    pub async fn connect(server: &ServerUrl, encoding: Encoding) -> Result<Self, ConnectError> {
        Self::handshake(dial(server).await?, server, encoding).await
    }

    /// Opens a session over a connection to the server that is already there.
    ///
    /// # Errors
    /// If the server does not take the session.
    pub async fn handshake(
        stream: TcpStream,
        server: &ServerUrl,
        encoding: Encoding,
    ) -> Result<Self, ConnectError> {
        let url = || server.to_string();
        let failed = |source| ConnectError::Handshake { url: url(), source: Box::new(source) };
        // Small messages, each of which somebody waits for.
        stream.set_nodelay(true).map_err(|error| failed(error.into()))?;
        let mut request = url().into_client_request().map_err(failed)?;
        let subprotocol = HeaderValue::from_static(encoding.subprotocol());
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        if let Some(token) = server.token() {
            let shown = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut shown = shown.map_err(|error| failed(WsError::HttpFormat(error.into())))?;
            shown.set_sensitive(true);
            request.headers_mut().insert("authorization", shown);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let until = Instant::now() + HANDSHAKE_TIME_MAX;
        let secured = timeout_at(until, secure(stream, server)).await;
        let stream = secured.map_err(|_| ConnectError::Time { url: url() })??;
        let shake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        match timeout_at(until, shake).await {
            Ok(Ok((socket, _))) => Ok(Self { socket, encoding }),
            Ok(Err(WsError::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body).trim().to_owned();
                let retry_after = retry_after(response.headers());
                let status = response.status();
                Err(ConnectError::Refused { url: url(), status, body, retry_after })
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(ConnectError::Time { url: url() }),
        }
    }

    /// Sends one op, at once.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn send(&mut self, op: &Op) -> Result<(), ClientError> {
        let frame = Frame::op(op, self.encoding);
        self.feed(frame).await?;
        self.flush().await
    }

    /// Puts a message behind those that wait for a [`flush`](Self::flush).
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn feed(&mut self, frame: Frame) -> Result<(), ClientError> {
        self.socket.feed(frame.0).await.map_err(lost)
    }

    /// Writes all that was fed.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        self.socket.flush().await.map_err(lost)
    }

    /// The next event. May be cancelled.
    ///
    /// # Errors
    /// If the connection is over, or the message is no event.
    pub async fn recv(&mut self) -> Result<Event, ClientError> {
        let message = self.recv_raw().await?;
        Ok(Event::decode(self.encoding, &message)?.0)
    }

    /// The next message as it is. May be cancelled.
    ///
    /// # Errors
    /// If the connection is over.
    pub async fn recv_raw(&mut self) -> Result<Bytes, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.into()),
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame
                        .map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    let reason = if reason.is_empty() { "no reason given".into() } else { reason };
                    return Err(ClientError::Closed { code, reason });
                }
                // Tungstenite answers pings by itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(error)),
                None => return Err(lost(WsError::ConnectionClosed)),
            }
        }
    }

    /// The next message as it is, while what was fed is written, if `is_writing`; `None` once all of it is. May
    /// be cancelled.
    ///
    /// # Errors
    /// If the connection is over.
    pub(crate) async fn recv_or_written(
        &mut self,
        is_writing: bool,
    ) -> Result<Option<Bytes>, ClientError> {
        poll_fn(|cx| {
            // First, or a server that goes on talking would never be answered.
            if is_writing && let Poll::Ready(done) = self.socket.poll_flush_unpin(cx) {
                return Poll::Ready(done.map(|()| None).map_err(lost));
            }
            // All the same: a server that is not read from does not read either.
            pin!(self.recv_raw()).poll(cx).map(|message| message.map(Some))
        })
        .await
    }

    /// The next message as it is, if it is already there.
    ///
    /// # Errors
    /// If the connection is over.
    pub fn try_recv_raw(&mut self) -> Option<Result<Bytes, ClientError>> {
        self.recv_raw().now_or_never()
    }

    /// Says goodbye and gives the server a moment to answer.
    pub async fn close(self) {
        self.close_as(None).await;
    }

    /// The same, with a close code.
    pub(crate) async fn close_with(self, code: u16) {
        self.close_as(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::default() })).await;
    }

    async fn close_as(mut self, frame: Option<CloseFrame>) {
        // Whoever is gone needs no goodbye.
        _ = tokio::time::timeout(CLOSE_TIME_MAX, async {
            if self.socket.close(frame).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        })
        .await;
    }
}

fn lost(error: WsError) -> ClientError {
    ClientError::Lost(Box::new(error))
}
