//! A connection that has been given a place.

use std::sync::Arc;

use crate::handle::ConnectionHandle;
use crate::peer::Peer;
use crate::registry::{Place, Registry};

/// A handle and the place that goes with it: held by the task of a connection and by its owner,
/// so that a place is free only when both are gone.
#[derive(Clone)]
pub struct Lease {
    pub(crate) handle: ConnectionHandle,
    _place: Arc<Place>,
}

impl Lease {
    /// A place for a newcomer. `None`: refused and counted.
    pub(crate) fn obtain(registry: &Arc<Registry>, peer: Peer) -> Option<Self> {
        let (state, place) = registry.admit(peer)?;
        let handle = ConnectionHandle::new(state, Arc::clone(registry));
        Some(Self { handle, _place: Arc::new(place) })
    }
}
