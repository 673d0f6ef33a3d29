//! What doors and the owner say to each other, and how.
//!
//! A *door* is a server that holds browsers and workers but decides nothing. The *owner* is the
//! server that runs the scheduler. A door carries what its clients and workers say to the owner over
//! a *link*, and brings back what the owner says. A link is a few TCP connections that live and die
//! together, each with a [`Role`]; [`dial`] and [`answer`] begin one.
//!
//! What is said are frames: [`FromDoor`] and [`FromOwner`]. Each end says [`BEAT_EVERY`] so often
//! that it lives, and takes the other for dead after [`SILENT_AFTER`]: that is up to whoever has the
//! link, as is what happens when it ends.

mod begin;
mod codec;
mod error;
mod frame;
mod handshake;
mod link;
mod tcp;
mod tls;

pub use begin::{CONNECT_TIME_MAX, TcpLink, answer, dial};
pub use codec::{
    BEAT_EVERY, BadFrame, Decoder, Encoder, FRAME_BYTES_MAX, FRAME_ITEMS_MAX, Frame, SILENT_AFTER,
};
pub use error::{BadHandshake, Fault, LinkError};
pub use frame::{FromDoor, FromOwner, Hold, LinkPeer, Offer, Whose};
pub use handshake::{HANDSHAKE_TIME_MAX, Hello, Refused, Role, TOKEN_BYTES_MIN, Welcome};
pub use link::{Link, LinkReader, LinkWriter};
pub use tls::{BadLinkTls, LinkTls, LinkTrust};
