//! Who makes a request.

use std::sync::Arc;

use super::place::Place;
use super::upgraded::Upgraded;
use crate::access::Peer;

/// Who makes a request, as the routes see them.
#[derive(Clone, Debug)]
pub(in crate::http) struct Caller {
    peer: Peer,
    place: Arc<Place>,
    upgraded: Arc<Upgraded>,
}

impl Caller {
    pub(super) fn new(peer: Peer, place: Arc<Place>, upgraded: Arc<Upgraded>) -> Self {
        Self { peer, place, upgraded }
    }

    /// The client: who is at the other end of the connection, or who a trusted proxy says it is.
    pub(in crate::http) fn peer(&self) -> Peer {
        self.peer
    }

    /// The place among those of this client.
    pub(in crate::http) fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// From now on a WebSocket is read from their connection.
    pub(in crate::http) fn upgrade(&self) {
        self.upgraded.upgrade(self.place());
    }
}
