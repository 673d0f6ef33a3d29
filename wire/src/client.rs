//! The client protocol, version 1, over WebSocket.
//!
//! A client sends ops ([`Op`]), one or an array of them in a message; the server sends events
//! ([`Event`]), one in a message. A session speaks JSON in text frames or MessagePack in binary
//! frames ([`Encoding`]), chosen by the subprotocol.

mod encoding;
mod event;
mod event_decode;
mod event_encode;
mod fields;
mod op;
mod op_decode;
mod op_encode;
mod op_json;
mod op_msgpack;
mod request;
mod submits;
mod value;

pub use encoding::Encoding;
pub use event::{Batch, Event, JobEvent, Retry, Welcome};
pub use event_decode::{BadEvent, UnknownRefusal};
pub use fields::{Key as OpKey, OPS as OP_NAMES};
pub use op::{HelloOp, OnDisconnect, Op, Refusal, Resume, Submit, Watched};
pub use op_decode::Ops;
pub use request::Request;
pub use submits::{SubmitFields, Submits};
