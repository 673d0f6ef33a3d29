//! The ports and connections of a scripted server: what comes is told in one order, and whatever is
//! to be done to a connection can be done.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::zmtp::{self, Came, Greeting};

/// How long the handshake of a peer may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// A connection, numbered in the order in which they came.
pub(crate) type Conn = usize;

/// Which of the two ports of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Jobs,
    Results,
}

/// What happens at the ports.
#[derive(Debug)]
pub(crate) enum Wire {
    /// A connection has come and shaken hands. `server` counts from 0.
    Up {
        conn: Conn,
        server: usize,
        port: Port,
        greeting: Greeting,
    },
    /// One has come that did not shake hands.
    Bad {
        why: String,
        late: bool,
    },
    Message {
        conn: Conn,
        frames: Vec<Bytes>,
    },
    Ping,
    Pong {
        conn: Conn,
        context: Bytes,
    },
    /// The peer has ended the connection, or broken ZMTP.
    Down {
        conn: Conn,
    },
}

/// One server, or several, each with two ports.
pub(crate) struct Server {
    addresses: Vec<[SocketAddr; 2]>,
    listeners: Vec<JoinHandle<()>>,
    told: mpsc::UnboundedSender<FromPort>,
    wire: mpsc::UnboundedReceiver<FromPort>,
    handles: HashMap<Conn, Handle>,
    last: Conn,
}

enum FromPort {
    Shaken { server: usize, port: Port, shaken: Result<(Greeting, TcpStream), (String, bool)> },
    Came { conn: Conn, came: Option<Came> },
}

/// The way to a connection; it is closed when this is dropped.
struct Handle {
    port: Port,
    version: (u8, u8),
    write: mpsc::UnboundedSender<Vec<u8>>,
    freeze: Option<oneshot::Sender<()>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    /// So many servers, on ports of their own or on the fixed ones of one.
    pub(crate) fn bind(servers: usize, fixed: Option<[SocketAddr; 2]>) -> anyhow::Result<Self> {
        let (told, wire) = mpsc::unbounded_channel();
        let mut server = Self {
            addresses: vec![fixed.unwrap_or([SocketAddr::from(([127, 0, 0, 1], 0)); 2]); servers],
            listeners: Vec::new(),
            told,
            wire,
            handles: HashMap::new(),
            last: 0,
        };
        server.listen()?;
        Ok(server)
    }

    /// Opens the ports, the same as before if they have been open.
    pub(crate) fn listen(&mut self) -> anyhow::Result<()> {
        for (server, pair) in self.addresses.iter_mut().enumerate() {
            for (port, address) in [Port::Jobs, Port::Results].into_iter().zip(pair) {
                let listener =
                    bind(*address).with_context(|| format!("cannot listen on {address}"))?;
                *address = listener.local_addr()?;
                self.listeners.push(tokio::spawn(accept(
                    listener,
                    server,
                    port,
                    self.told.clone(),
                )));
            }
        }
        Ok(())
    }

    /// Closes the ports: whoever dials is refused.
    pub(crate) async fn stop_listening(&mut self) {
        for listener in self.listeners.drain(..) {
            listener.abort();
            _ = listener.await;
        }
    }

    /// The endpoints of one port, of all servers, as a worker is told them.
    pub(crate) fn endpoints(&self, port: Port) -> String {
        let all = self
            .addresses
            .iter()
            .map(|pair| format!("tcp://{}", pair[usize::from(port == Port::Results)]));
        all.collect::<Vec<_>>().join(",")
    }

    /// What happens next. May be cancelled.
    pub(crate) async fn next(&mut self) -> Wire {
        loop {
            // There is always a sender: its own.
            let Some(from) = self.wire.recv().await else { return std::future::pending().await };
            match from {
                FromPort::Shaken { server, port, shaken: Ok((greeting, stream)) } => {
                    self.last += 1;
                    let conn = self.last;
                    self.handles.insert(conn, start(conn, port, &greeting, stream, &self.told));
                    return Wire::Up { conn, server, port, greeting };
                }
                FromPort::Shaken { shaken: Err((why, late)), .. } => {
                    return Wire::Bad { why, late };
                }
                // What an ended connection had still said is of no interest.
                FromPort::Came { conn, .. } if !self.handles.contains_key(&conn) => {}
                FromPort::Came { conn, came: None } => {
                    self.handles.remove(&conn);
                    return Wire::Down { conn };
                }
                FromPort::Came { conn, came: Some(Came::Message(frames)) } => {
                    return Wire::Message { conn, frames };
                }
                FromPort::Came { conn, came: Some(Came::Ping(context)) } => {
                    self.write(conn, zmtp::pong(&context));
                    return Wire::Ping;
                }
                FromPort::Came { conn, came: Some(Came::Pong(context)) } => {
                    return Wire::Pong { conn, context };
                }
            }
        }
    }

    pub(crate) fn send(&mut self, conn: Conn, frames: &[Bytes]) {
        self.write(conn, zmtp::message(frames));
    }

    /// Asks whether the peer is there, and tells it after how long it may give up.
    pub(crate) fn ping(&mut self, conn: Conn, context: &[u8]) {
        self.write(conn, zmtp::ping(500, context));
    }

    fn write(&mut self, conn: Conn, bytes: Vec<u8>) {
        if let Some(handle) = self.handles.get(&conn) {
            // A connection that has just ended tells so by itself.
            _ = handle.write.send(bytes);
        }
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, conn: Conn) {
        self.handles.remove(&conn);
    }

    /// Says and hears nothing any more on a connection, and does not close it: as a host that has
    /// vanished.
    pub(crate) fn freeze(&mut self, conn: Conn) {
        if let Some(freeze) = self.handles.get_mut(&conn).and_then(|handle| handle.freeze.take()) {
            _ = freeze.send(());
        }
    }

    /// The connections that are open, on this port.
    pub(crate) fn open(&self, port: Port) -> Vec<Conn> {
        let mut open: Vec<_> = self
            .handles
            .iter()
            .filter(|(_, handle)| handle.port == port)
            .map(|(conn, _)| *conn)
            .collect();
        open.sort_unstable();
        open
    }

    /// Whether the peer takes pings: they came with ZMTP 3.1.
    pub(crate) fn takes_pings(&self, conn: Conn) -> bool {
        self.handles.get(&conn).is_some_and(|handle| handle.version >= (3, 1))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of before may still be dying on a port that is opened again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(128)
}

async fn accept(
    listener: TcpListener,
    server: usize,
    port: Port,
    told: mpsc::UnboundedSender<FromPort>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let told = told.clone();
        tokio::spawn(async move {
            _ = stream.set_nodelay(true);
            let socket_type = match port {
                Port::Jobs => "PUSH",
                Port::Results => "PULL",
            };
            let shaken = match timeout(
                HANDSHAKE_TIME_MAX,
                zmtp::shake_hands(&mut stream, socket_type),
            )
            .await
            {
                Ok(shaken) => shaken.map(|greeting| (greeting, stream)).map_err(|why| (why, false)),
                Err(_) => Err((
                    format!("the handshake was not complete within {HANDSHAKE_TIME_MAX:?}"),
                    true,
                )),
            };
            _ = told.send(FromPort::Shaken { server, port, shaken });
        });
    }
}

fn start(
    conn: Conn,
    port: Port,
    greeting: &Greeting,
    stream: TcpStream,
    told: &mpsc::UnboundedSender<FromPort>,
) -> Handle {
    let (read, mut write) = stream.into_split();
    let (freeze, frozen) = oneshot::channel();
    let (to_write, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
    let told = told.clone();
    let reader = tokio::spawn(async move {
        let mut read = tokio::io::BufReader::new(read);
        let all = async {
            loop {
                let came = zmtp::next(&mut read).await.ok();
                let is_end = came.is_none();
                _ = told.send(FromPort::Came { conn, came });
                if is_end {
                    break;
                }
            }
        };
        tokio::select! {
            () = all => {}
            // A handle that is dropped ends this task anyway.
            Ok(()) = frozen => std::future::pending().await,
        }
    });
    let writer = tokio::spawn(async move {
        while let Some(bytes) = waiting.recv().await {
            if write.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // The reader tells of the end.
        std::future::pending::<()>().await;
    });
    Handle {
        port,
        version: greeting.version,
        write: to_write,
        freeze: Some(freeze),
        tasks: [reader, writer],
    }
}
