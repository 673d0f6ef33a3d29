//! Who makes a request.

use std::net::IpAddr;
use std::sync::Arc;

use super::place::Place;
use super::upgraded::Upgraded;

/// Who makes a request, as the routes see them.
#[derive(Clone, Debug)]
pub(in crate::http) struct Caller {
    address: IpAddr,
    place: Arc<Place>,
    upgraded: Arc<Upgraded>,
}

impl Caller {
    pub(super) fn new(address: IpAddr, place: Arc<Place>, upgraded: Arc<Upgraded>) -> Self {
        Self { address, place, upgraded }
    }

    /// The client's address: that of the connection, or what a trusted proxy says.
    pub(in crate::http) fn address(&self) -> IpAddr {
        self.address
    }

    /// The place among those of their address.
    pub(super) fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// From now on a WebSocket is read from their connection.
    pub(in crate::http) fn upgrade(self) {
        self.upgraded.upgrade(self.place);
    }
}
