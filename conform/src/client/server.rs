//! The port and the connections of a scripted server: what comes is told in one order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use acequia_wire::client::Encoding;
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

/// A connection, numbered in the order in which they came.
pub(crate) type Conn = usize;

/// How upgrades are answered from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Upgrades {
    /// As they are asked for; of several subprotocols the first is taken that is known.
    #[default]
    Taken,
    /// Without a choice of a subprotocol.
    Unchosen,
    /// With the status 503.
    Refused,
}

/// What happens at the port.
#[derive(Debug)]
pub(crate) enum Wire {
    Up {
        conn: Conn,
        encoding: Encoding,
    },
    /// A connection was asked for, and refused.
    Refused,
    Message {
        conn: Conn,
        bytes: Bytes,
        is_text: bool,
    },
    Ping,
    Pong {
        conn: Conn,
        data: Bytes,
    },
    /// The client has ended the connection, with this code if it gave one.
    Down {
        conn: Conn,
        code: Option<u16>,
    },
}

/// The server.
pub(crate) struct Server {
    address: SocketAddr,
    upgrades: Arc<Mutex<Upgrades>>,
    listener: JoinHandle<()>,
    told: mpsc::UnboundedSender<FromPort>,
    wire: mpsc::UnboundedReceiver<FromPort>,
    handles: HashMap<Conn, Handle>,
    last: Conn,
}

enum FromPort {
    Up(Encoding, Box<WebSocketStream<TcpStream>>),
    Refused,
    Came(Conn, Option<Message>),
}

/// The way to a connection; it is closed when this is dropped.
struct Handle {
    write: mpsc::UnboundedSender<Message>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    /// A server at this address, or anywhere.
    pub(crate) async fn bind(fixed: Option<SocketAddr>) -> anyhow::Result<Self> {
        let address = fixed.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let (told, wire) = mpsc::unbounded_channel();
        let upgrades = Arc::new(Mutex::new(Upgrades::default()));
        let listener = tokio::spawn(accept(listener, Arc::clone(&upgrades), told.clone()));
        Ok(Self { address, upgrades, listener, told, wire, handles: HashMap::new(), last: 0 })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How upgrades are answered from now on.
    pub(crate) fn answer_upgrades(&self, how: Upgrades) {
        *self.upgrades.lock().unwrap_or_else(PoisonError::into_inner) = how;
    }

    /// Closes the port.
    pub(crate) async fn stop_listening(&mut self) {
        self.listener.abort();
        _ = (&mut self.listener).await;
    }

    /// What happens next. May be cancelled.
    pub(crate) async fn next(&mut self) -> Wire {
        loop {
            // There is always a sender: its own.
            let Some(from) = self.wire.recv().await else { return std::future::pending().await };
            match from {
                FromPort::Up(encoding, socket) => {
                    self.last += 1;
                    let conn = self.last;
                    self.handles.insert(conn, start(conn, *socket, &self.told));
                    return Wire::Up { conn, encoding };
                }
                FromPort::Refused => return Wire::Refused,
                // What an ended connection had still said is of no interest.
                FromPort::Came(conn, _) if !self.handles.contains_key(&conn) => {}
                FromPort::Came(conn, Some(Message::Text(text))) => {
                    return Wire::Message { conn, bytes: text.into(), is_text: true };
                }
                FromPort::Came(conn, Some(Message::Binary(bytes))) => {
                    return Wire::Message { conn, bytes, is_text: false };
                }
                FromPort::Came(_, Some(Message::Ping(_))) => return Wire::Ping,
                FromPort::Came(conn, Some(Message::Pong(data))) => {
                    return Wire::Pong { conn, data };
                }
                FromPort::Came(conn, Some(Message::Close(frame))) => {
                    self.handles.remove(&conn);
                    return Wire::Down { conn, code: frame.map(|frame| frame.code.into()) };
                }
                FromPort::Came(conn, None) => {
                    self.handles.remove(&conn);
                    return Wire::Down { conn, code: None };
                }
                FromPort::Came(_, Some(Message::Frame(_))) => {}
            }
        }
    }

    pub(crate) fn send(&self, conn: Conn, message: Message) {
        if let Some(handle) = self.handles.get(&conn) {
            // A connection that has just ended tells so by itself.
            _ = handle.write.send(message);
        }
    }

    /// Ends a connection without a word.
    pub(crate) fn cut(&mut self, conn: Conn) {
        self.handles.remove(&conn);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upgrades: Arc<Mutex<Upgrades>>,
    told: mpsc::UnboundedSender<FromPort>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let how = *upgrades.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.clone();
        tokio::spawn(async move {
            _ = stream.set_nodelay(true);
            if let Some(from) = upgrade(stream, how).await {
                _ = told.send(from);
            }
        });
    }
}

/// `None` of what is no request for a WebSocket.
#[expect(clippy::result_large_err, reason = "the library wants it so")]
async fn upgrade(stream: TcpStream, how: Upgrades) -> Option<FromPort> {
    let mut encoding = Encoding::Json;
    let choose =
        |request: &Request, response: Response| answer(request, response, how, &mut encoding);
    match tokio_tungstenite::accept_hdr_async(stream, choose).await {
        Ok(socket) => Some(FromPort::Up(encoding, Box::new(socket))),
        Err(_) if how == Upgrades::Refused => Some(FromPort::Refused),
        Err(_) => None,
    }
}

#[expect(clippy::result_large_err, reason = "the library wants it so")]
fn answer(
    request: &Request,
    mut response: Response,
    how: Upgrades,
    encoding: &mut Encoding,
) -> Result<Response, ErrorResponse> {
    if how == Upgrades::Refused {
        let mut refusal = ErrorResponse::new(Some("the server is full".to_owned()));
        *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Err(refusal);
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered: Vec<_> = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let known = offered
        .iter()
        .find_map(|name| Encoding::ALL.into_iter().find(|known| known.subprotocol() == *name));
    if let Some(known) = known.filter(|_| how == Upgrades::Taken) {
        *encoding = known;
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(known.subprotocol()));
    }
    Ok(response)
}

fn start(
    conn: Conn,
    socket: WebSocketStream<TcpStream>,
    told: &mpsc::UnboundedSender<FromPort>,
) -> Handle {
    let (mut sink, mut stream) = socket.split();
    let (write, mut waiting) = mpsc::unbounded_channel::<Message>();
    let told = told.clone();
    let reader = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            let is_end = matches!(message, Message::Close(_));
            _ = told.send(FromPort::Came(conn, Some(message)));
            if is_end {
                return;
            }
        }
        _ = told.send(FromPort::Came(conn, None));
    });
    let writer = tokio::spawn(async move {
        while let Some(message) = waiting.recv().await {
            if sink.send(message).await.is_err() {
                break;
            }
        }
        // The reader tells of the end.
        std::future::pending::<()>().await;
    });
    Handle { write, tasks: [reader, writer] }
}
