//! The gate before Acequia's ZeroMQ sockets: it owns a public listener and gives each worker
//! connection a ZeroMQ socket of its own.
//!
//! ```text
//! worker ══TCP or ipc══▶ relay (reads frame headers, counts, caps) ══private stream══▶ socket
//! ```
//!
//! The `zeromq` crate has no frame cap, no handshake deadline and no limit on connections, and
//! its sockets do not say which peer spoke or went. The gate adds all of that from outside: it
//! relays the bytes of one connection between the worker and a socket that has no other peer, and
//! walks the ZMTP frame headers that pass. What a connection may cost is therefore bounded before
//! its bytes reach the socket.
//!
//! What a message *means* may not live here: the gate knows ZMTP and nothing of Acequia's own
//! protocol, its lanes or its jobs.
//!
//! | module | its one noun |
//! |---|---|
//! | [`frames`] | the reader of frame headers, without IO |
//! | `gate` | [`Gate`]: binds, accepts |
//! | `connection` | [`JobsConnection`], [`ResultsConnection`]: what is accepted |
//! | `handle` | [`ConnectionHandle`]: promotes, closes, tells of the end |
//! | `admission` | the one task of a connection: socket, handshake, relay |
//! | `relay` | the bytes, both ways |
//! | `private` | the private stream to the socket of one connection |
//! | `state` | one connection, as all who have to do with it know it |
//! | `registry` | who is in, who is not ready, who has to go |
//! | `refusals` | who was turned away, told in the log and remembered for a while |
//! | `spoken` | what somebody speaks who does not get in |
//! | `shortage` | whether there are files for more connections |
//! | `lease` | a connection that has a place |
//! | `listener`, `tcp`, `unix`, `endpoint` | the public side |

mod admission;
mod config;
mod connection;
mod endpoint;
mod error;
pub mod frames;
mod gate;
mod handle;
mod lease;
mod listener;
mod peer;
mod private;
mod reason;
mod refusals;
mod registry;
mod relay;
mod role;
mod shortage;
mod shut;
mod spoken;
mod state;
mod stats;
mod tcp;
mod unix;

pub use config::{
    CONNECTIONS_MAX, EVICTIONS_UNDER_WAY_MAX, FRAME_BYTES_MAX, GateConfig, HANDSHAKE_TIME_MAX,
    HELD_MAX, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, MESSAGE_BYTES_MAX, MESSAGE_FRAMES_MAX,
    NOT_READY_FRAME_BYTES_MAX, NOT_READY_MAX, NOT_READY_MESSAGE_BYTES_MAX,
    NOT_READY_MESSAGE_FRAMES_MAX, PING_AFTER, PING_EVERY, PING_TTL, TCP_USER_TIMEOUT,
};
pub use connection::{Closed, JobsConnection, ResultsConnection};
pub use endpoint::{Endpoint, EndpointError};
pub use error::GateError;
pub use frames::Limits;
pub use gate::{Gate, JobsGate, ResultsGate};
pub use handle::ConnectionHandle;
pub use peer::Peer;
pub use reason::CloseReason;
pub use role::{Jobs, Results, Role};
pub use shut::ShutGate;
pub use stats::{GateStats, GateStatsSnapshot};
pub use tcp::TcpListeners;
pub use unix::{SocketAccess, SocketError, SocketFile};
/// The message type of the sockets behind the gate, so that a caller needs no `zeromq` of its own.
pub use zeromq::ZmqMessage;
