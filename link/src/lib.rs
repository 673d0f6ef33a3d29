//! What doors and the owner say to each other, and how.
//!
//! A *door* is a server that holds browsers and workers but decides nothing. The *owner* is the
//! server that runs the scheduler. A door carries what its clients and workers say to the owner over
//! a *link*, a few connections that live and die together, and brings back what the owner says.

mod codec;
mod frame;
mod handshake;

pub use codec::{
    BEAT_EVERY, BadFrame, Decoder, Encoder, FRAME_BYTES_MAX, FRAME_ITEMS_MAX, Frame, SILENT_AFTER,
};
pub use frame::{FromDoor, FromOwner, Hold, LinkPeer, Offer, Whose};
pub use handshake::{Hello, Refused, Role, Welcome};
