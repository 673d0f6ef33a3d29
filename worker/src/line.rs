//! What a job of a lane is tied to: the lane, and the way out for what is said of it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::lane::Lane;
use crate::outbox::Outgoing;

/// A lane and the outbox of its connection.
pub(crate) struct Line {
    lane: Arc<Lane>,
    outbox: mpsc::Sender<Outgoing>,
}

impl Line {
    pub(crate) fn new(lane: Arc<Lane>, outbox: mpsc::Sender<Outgoing>) -> Self {
        Self { lane, outbox }
    }

    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    pub(crate) fn outbox(&self) -> &mpsc::Sender<Outgoing> {
        &self.outbox
    }
}
