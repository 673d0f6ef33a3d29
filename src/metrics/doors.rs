//! The metrics of links: at their owner's end, and those of a door.

use std::sync::Arc;

use acequia_gate::GateStats;
use acequia_link::Role;
use metrics::Gauge;
use metrics_exporter_prometheus::PrometheusHandle;

use super::cluster_state::ClusterState;
use super::job_times::JobTimes;
use super::maker::{GateHandles, Maker, Recorder, recorder};
use super::refused::{Reason, Refused};

/// Counts what doors are linked to an owner.
#[derive(Clone)]
pub(crate) struct LinkMetrics {
    doors: Gauge,
    calls: Gauge,
}

/// A connection of a link, counted until it is dropped.
pub(crate) struct Linked(Option<Gauge>);

impl LinkMetrics {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self {
            doors: make.gauge("acequia_links", &[]),
            calls: make.gauge("acequia_link_calls", &[]),
        }
    }

    /// A connection begins.
    pub(crate) fn link(&self, role: Role) -> Linked {
        let gauge = match role {
            Role::Sessions => Some(&self.doors),
            // Each door has one of both.
            Role::Lanes => None,
            Role::Calls => Some(&self.calls),
        };
        if let Some(gauge) = gauge {
            gauge.increment(1.0);
        }
        Linked(gauge.cloned())
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.decrement(1.0);
        }
    }
}

/// The metrics of a door. What is true of the scheduler is its owner's to tell.
#[derive(Clone)]
pub(crate) struct DoorMetrics {
    recorder: Recorder,
    gates: Arc<[GateHandles]>,
    linked: Gauge,
    sessions: Gauge,
    workers: Gauge,
}

impl DoorMetrics {
    /// The metrics of a door with these two gates.
    pub(crate) fn new(jobs: GateStats, results: GateStats) -> Self {
        let recorder = recorder();
        let make = Maker(&recorder);
        Self {
            gates: [make.gate("jobs", jobs), make.gate("results", results)].into(),
            linked: make.gauge("acequia_door_linked", &[]),
            sessions: make.gauge("acequia_door_sessions", &[]),
            workers: make.gauge("acequia_door_workers", &[]),
            recorder,
        }
    }

    /// What they are kept in: those of an owner in the same process are kept there too.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// What renders the text for a scrape.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// The counters of these refusals.
    pub(crate) fn refused<R: Reason>(&self) -> Refused<R> {
        Maker(&self.recorder).refused()
    }

    /// What this server is in its cluster.
    pub(crate) fn set_cluster(&self, state: ClusterState) {
        Maker(&self.recorder).cluster(state);
    }

    /// Sets all that is a state.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(crate) fn set_states(&self, sessions: usize, workers: usize, is_linked: bool) {
        self.sessions.set(sessions as f64);
        self.workers.set(workers as f64);
        self.linked.set(if is_linked { 1.0 } else { 0.0 });
        self.gates.iter().for_each(GateHandles::set);
    }

    /// No job has times here.
    pub(crate) fn times(&self) -> JobTimes {
        JobTimes::default()
    }
}
