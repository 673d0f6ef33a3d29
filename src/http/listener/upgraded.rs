//! Whether a connection has become a WebSocket.

use std::sync::{Arc, OnceLock};

use super::place::Place;

/// Empty, or the place of the client whose WebSocket is read from the connection. It is held as long as
/// the connection's stream, which an upgrade takes along.
#[derive(Debug, Default)]
pub(super) struct Upgraded(OnceLock<Arc<Place>>);

impl Upgraded {
    /// From now on a WebSocket is read from the connection.
    pub(super) fn upgrade(&self, place: Arc<Place>) {
        self.0.get_or_init(|| place);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.0.get().is_some()
    }
}
