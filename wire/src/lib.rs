//! Both protocols of Acequia as types and codecs.
//!
//! [`worker`] is what travels over ZeroMQ, [`client`] what travels over the WebSocket; the
//! documents `docs/worker-protocol.md` and `docs/client-protocol.md` describe them for
//! implementors. The limits of both are in [`limits`], the codes that go on the wire in [`code`].
//! What several of Acequia's own programs write and read is made of the fields in [`record`].
//!
//! Nothing here does IO, knows a clock or a runtime: bytes in, types out, and back. Payloads are
//! [`bytes::Bytes`] slices of the frame they came in and are never copied.

pub mod client;
pub mod code;
mod content;
mod id;
mod json;
pub mod limits;
mod msgpack;
mod name;
mod number;
pub mod record;
mod trace;
mod transcode;
pub mod worker;

pub use content::{BadBody, Body, ContentType, Payload};
pub use id::{BadJobId, CorrelationId, JobId, LaneId};
pub use limits::Limits;
pub use name::{BadQueueName, QueueName};
pub use trace::{BadTraceParent, TraceParent, TraceRatio};
