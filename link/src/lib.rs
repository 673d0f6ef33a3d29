//! What doors and the owner say to each other, and how.
//!
//! A *door* is a server that holds browsers and workers but decides nothing. The *owner* is the
//! server that runs the scheduler. A door carries what its clients and workers say to the owner over
//! a *link*, a few connections that live and die together, and brings back what the owner says.

mod frame;
mod handshake;

use std::time::Duration;

pub use frame::{FromDoor, FromOwner, Hold, LinkPeer, Offer, Whose};
pub use handshake::{Hello, Refused, Role, Welcome};

/// How often each end says that it lives, on each connection of a link that carries frames.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// After how long without a frame the other end is taken for dead.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);
