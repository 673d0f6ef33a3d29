//! The metrics of a server that does nothing but stand by.

use super::cluster_state::ClusterState;
use super::maker::{Maker, Recorder, recorder};
use super::refused::{Reason, Refused};

/// The metrics of a server that stands by.
#[derive(Clone)]
pub(crate) struct StandbyMetrics(Recorder);

impl StandbyMetrics {
    pub(crate) fn new() -> Self {
        Self(recorder())
    }

    /// The counters of these refusals.
    pub(crate) fn refused<R: Reason>(&self) -> Refused<R> {
        Maker(&self.0).refused()
    }

    /// The text for a scrape of a server that is this now.
    pub(crate) fn text(&self, state: ClusterState) -> String {
        Maker(&self.0).cluster(state);
        self.0.handle().render()
    }
}
