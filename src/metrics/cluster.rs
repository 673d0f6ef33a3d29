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
    pub(crate) fn new(state: ClusterState) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let make = Maker(&recorder);
        make.describe();
        make.cluster(state);
        Self(Arc::new(recorder))
    }

    /// The counters of these refusals.
    pub(crate) fn refused<R: Reason>(&self) -> Refused<R> {
        Maker(&self.0).refused()
    }

    /// The text for a scrape.
    pub(crate) fn text(&self) -> String {
        self.0.handle().render()
    }
}
