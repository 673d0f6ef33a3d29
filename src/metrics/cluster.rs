//! The metrics of a server that does nothing but stand by.

use std::sync::Arc;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::cluster_state::ClusterState;
use super::maker::Maker;
use super::refused::{Reason, Refused};

/// The metrics of a server that stands by.
#[derive(Clone)]
pub(crate) struct StandbyMetrics(Arc<PrometheusRecorder>);

impl StandbyMetrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        Maker(&recorder).describe();
        Self(Arc::new(recorder))
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
