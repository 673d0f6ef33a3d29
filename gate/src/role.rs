//! The two ports of a worker, as types: which socket stands behind the gate, and which direction
//! carries messages.

use zeromq::{PullSocket, PushSocket};

use crate::connection::{JobsConnection, ResultsConnection};
use crate::frames::SocketType;
use crate::lease::Lease;
use crate::private::Monitor;

/// A gate's role: [`Jobs`] or [`Results`], and no other.
pub trait Role: Wiring {}

/// The jobs port: a PUSH of ours, a PULL of the worker's.
#[derive(Debug)]
pub enum Jobs {}

/// The results port: a PULL of ours, a PUSH of the worker's.
#[derive(Debug)]
pub enum Results {}

impl Role for Jobs {}
impl Role for Results {}

/// What the gate has to know of a role. Not to be named outside, which seals [`Role`].
pub trait Wiring: Send + 'static {
    /// The socket behind the gate.
    type Socket: zeromq::Socket + 'static;
    /// What `accept` returns.
    type Connection: Send + 'static;
    /// What the port is called.
    const PORT: &'static str;
    /// The type of the worker's socket.
    const WORKER: SocketType;
    /// The type of our own.
    const SERVER: SocketType;

    #[doc(hidden)]
    fn connection(lease: Lease, socket: Self::Socket, monitor: Monitor) -> Self::Connection;
}

impl Wiring for Jobs {
    type Socket = PushSocket;
    type Connection = JobsConnection;
    const PORT: &'static str = "jobs";
    const WORKER: SocketType = SocketType::Pull;
    const SERVER: SocketType = SocketType::Push;

    fn connection(lease: Lease, socket: PushSocket, _monitor: Monitor) -> JobsConnection {
        JobsConnection::new(lease, socket)
    }
}

impl Wiring for Results {
    type Socket = PullSocket;
    type Connection = ResultsConnection;
    const PORT: &'static str = "results";
    const WORKER: SocketType = SocketType::Push;
    const SERVER: SocketType = SocketType::Pull;

    fn connection(lease: Lease, socket: PullSocket, monitor: Monitor) -> ResultsConnection {
        ResultsConnection::new(lease, socket, monitor)
    }
}
