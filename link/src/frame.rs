//! What a link carries.

mod from_door;
mod from_owner;

pub use from_door::{FromDoor, Hold, LinkPeer, Offer, Whose};
pub use from_owner::FromOwner;
