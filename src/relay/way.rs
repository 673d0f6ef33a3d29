//! The way to the owner, while there is one.

use acequia_link::FromDoor;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A frame, and the turn of whoever brought it: given back once it is on its way.
pub(super) type Outgoing = (FromDoor, Option<OwnedSemaphorePermit>);

/// One connection of a link. What waits on it is bounded by the turns of those who speak.
#[derive(Clone, Debug)]
pub(crate) struct Way(mpsc::UnboundedSender<Outgoing>);

impl Way {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (sender, frames) = mpsc::unbounded_channel();
        (Self(sender), frames)
    }

    pub(super) fn say(&self, frame: FromDoor) {
        self.say_in_turn(frame, None);
    }

    pub(super) fn say_in_turn(&self, frame: FromDoor, turn: Option<OwnedSemaphorePermit>) {
        // The end of the link is on its way here.
        _ = self.0.send((frame, turn));
    }
}
