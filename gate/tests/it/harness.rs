//! A served gate and a worker that speaks raw bytes.

use std::time::Duration;

use acequia_gate::{CloseReason, Gate, GateConfig, GateStats, Role, ZmqMessage};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Far more than anything here takes; only a hang gets there.
const HANG: Duration = Duration::from_secs(30);

/// A gate that accepts in a task of its own, as long as this lives.
pub(crate) struct Served<C> {
    pub(crate) endpoint: String,
    pub(crate) stats: GateStats,
    connections: mpsc::UnboundedReceiver<C>,
    task: JoinHandle<()>,
}

impl<C> Drop for Served<C> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<C> Served<C> {
    /// The next connection.
    pub(crate) async fn next(&mut self) -> C {
        within(self.connections.recv()).await.expect("the gate lives")
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.endpoint.strip_prefix("tcp://").expect("a TCP gate")
    }

    pub(crate) fn closed(&self, reason: CloseReason) -> u64 {
        self.stats.snapshot().closed(reason)
    }
}

pub(crate) async fn serve<R: Role>(endpoint: &str, config: GateConfig) -> Served<R::Connection> {
    let mut gate = Gate::<R>::bind(&endpoint.parse().unwrap(), config).await.unwrap();
    let (sender, connections) = mpsc::unbounded_channel();
    Served {
        endpoint: gate.local_endpoint().to_string(),
        stats: gate.stats(),
        connections,
        task: tokio::spawn(async move { while sender.send(gate.accept().await).is_ok() {} }),
    }
}

pub(crate) async fn serve_tcp<R: Role>() -> Served<R::Connection> {
    serve::<R>("tcp://127.0.0.1:0", GateConfig::default()).await
}

/// Fails a test that would hang.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("it hangs")
}

/// Lets the other tasks run until a condition that no event tells of holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) fn message(frames: &[&[u8]]) -> ZmqMessage {
    let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
    ZmqMessage::try_from(frames).unwrap()
}

pub(crate) fn frames(message: &ZmqMessage) -> Vec<&[u8]> {
    message.iter().map(|frame| &frame[..]).collect()
}

pub(crate) fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    body.push(socket_type.len() as u8);
    body.extend_from_slice(socket_type.as_bytes());
    let mut frame = vec![4, body.len() as u8];
    frame.extend(body);
    frame
}

pub(crate) fn long_header(flags: u8, body_bytes: u64) -> Vec<u8> {
    let mut header = vec![flags | 2];
    header.extend_from_slice(&body_bytes.to_be_bytes());
    header
}

/// A worker that says whatever it likes.
pub(crate) struct RawWorker {
    stream: TcpStream,
}

impl RawWorker {
    pub(crate) async fn connect(address: &str) -> Self {
        Self { stream: within(TcpStream::connect(address)).await.unwrap() }
    }

    /// Connects and shakes hands.
    pub(crate) async fn shaken(address: &str, socket_type: &str) -> Self {
        let mut worker = Self::connect(address).await;
        worker.say(&[greeting(), ready(socket_type)].concat()).await;
        assert_eq!(worker.hear(64).await[0], 0xFF);
        let header = worker.hear(2).await;
        assert_eq!(header[0], 4);
        assert!(worker.hear(usize::from(header[1])).await.starts_with(b"\x05READY"));
        worker
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Says it over and over until the other side has had enough.
    pub(crate) async fn say_without_end(&mut self, bytes: &[u8]) {
        within(async { while self.stream.write_all(bytes).await.is_ok() {} }).await;
    }

    pub(crate) async fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within(self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// Waits until the other side closes, by FIN or RST, whatever it says before.
    pub(crate) async fn hear_the_end(&mut self) {
        let mut bytes = [0; 1024];
        while !matches!(within(self.stream.read(&mut bytes)).await, Ok(0) | Err(_)) {}
    }
}
