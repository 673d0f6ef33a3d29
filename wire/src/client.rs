//! The client protocol, version 1, over WebSocket.
//!
//! A client sends ops ([`Op`]), one or an array of them in a message; the server sends events
//! ([`Event`]), one in a message. A session speaks JSON in text frames or MessagePack in binary
//! frames ([`Encoding`]), chosen by the subprotocol.

mod event;
mod event_decode;
mod event_encode;
mod fields;
mod op;
mod op_decode;
mod op_encode;
mod value;

pub use event::{Batch, Event, JobEvent, Retry, Welcome};
pub use event_decode::BadEvent;
pub use op::{HelloOp, OnDisconnect, Op, Refusal, Resume, Submit};

/// How a session writes its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON in text frames.
    Json,
    /// MessagePack in binary frames.
    MsgPack,
}

impl Encoding {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Json, Self::MsgPack];

    /// The WebSocket subprotocol that stands for it.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "acequia.v1.json",
            Self::MsgPack => "acequia.v1.msgpack",
        }
    }
}
