//! Handles of one recorder, and what each metric is called.

use std::sync::Arc;

use acequia_gate::{CloseReason, GateStats};
use metrics::{
    Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder as _, SharedString, Unit,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::cluster_state::ClusterState;
use super::refused::{Reason, Refused};

pub(super) struct JournalHandles {
    pub(super) writable: Gauge,
    pub(super) waiting_bytes: Gauge,
    pub(super) recovered: Gauge,
    pub(super) syncs: Counter,
}

pub(super) struct GateHandles {
    pub(super) stats: GateStats,
    pub(super) connections: Gauge,
    pub(super) not_ready: Gauge,
    pub(super) received: Counter,
    pub(super) sent: Counter,
    pub(super) closed: Vec<(CloseReason, Counter)>,
}

impl GateHandles {
    /// Sets what is counted by now.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(super) fn set(&self) {
        let stats = self.stats.snapshot();
        self.connections.set(stats.open as f64);
        self.not_ready.set(stats.not_ready as f64);
        self.received.absolute(stats.bytes_in);
        self.sent.absolute(stats.bytes_out);
        for (reason, counter) in &self.closed {
            counter.absolute(stats.closed(*reason));
        }
    }
}

/// What all metrics of a process are kept in. The same name and labels are the same metric.
pub(crate) type Recorder = Arc<PrometheusRecorder>;

/// A new one.
pub(crate) fn recorder() -> Recorder {
    let recorder = PrometheusBuilder::new().build_recorder();
    Maker(&recorder).describe();
    Arc::new(recorder)
}

/// Makes handles of one recorder.
pub(super) struct Maker<'a>(pub(super) &'a PrometheusRecorder);

impl Maker<'_> {
    const METADATA: Metadata<'static> = Metadata::new("acequia", Level::INFO, None);

    fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
        let labels = labels.iter().map(|(key, value)| Label::new(*key, (*value).to_owned()));
        Key::from_parts(name, labels.collect::<Vec<_>>())
    }

    pub(super) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.0.register_counter(&Self::key(name, labels), &Self::METADATA)
    }

    pub(super) fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.0.register_gauge(&Self::key(name, labels), &Self::METADATA)
    }

    pub(super) fn describe(&self) {
        let name = |name: &'static str| KeyName::from_const_str(name);
        let text = |text: &'static str| SharedString::const_str(text);
        for (key, unit, help) in COUNTERS {
            self.0.describe_counter(name(key), *unit, text(help));
        }
        for (key, unit, help) in GAUGES {
            self.0.describe_gauge(name(key), *unit, text(help));
        }
    }

    pub(super) fn journal(&self) -> JournalHandles {
        JournalHandles {
            writable: self.gauge("acequia_journal_writable", &[]),
            waiting_bytes: self.gauge("acequia_journal_waiting_bytes", &[]),
            recovered: self.gauge("acequia_journal_recovered_jobs", &[]),
            syncs: self.counter("acequia_journal_syncs_total", &[]),
        }
    }

    /// The counters of these refusals.
    pub(super) fn refused<R: Reason>(&self) -> Refused<R> {
        let counter =
            |reason: &R| (*reason, self.counter(R::METRIC, &[("reason", reason.as_str())]));
        Refused(R::ALL.iter().map(counter).collect())
    }

    /// What a server is in its cluster. It changes only where everything begins anew.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(super) fn cluster(&self, state: ClusterState) {
        let ClusterState { is_owner, epoch, takeovers, fenced, is_lost } = state;
        let flag = |is_so: bool| if is_so { 1.0 } else { 0.0 };
        self.gauge("acequia_cluster_owner", &[]).set(flag(is_owner));
        self.gauge("acequia_cluster_epoch", &[]).set(epoch as f64);
        self.counter("acequia_cluster_takeovers_total", &[]).absolute(takeovers);
        self.counter("acequia_cluster_fenced_writes_total", &[]).absolute(fenced);
        self.gauge("acequia_cluster_lost_commits", &[]).set(flag(is_lost));
    }

    pub(super) fn gate(&self, port: &'static str, stats: GateStats) -> GateHandles {
        let labels = [("port", port)];
        let closed = |reason: CloseReason| {
            let labels = [("port", port), ("reason", reason.as_str())];
            let name = if reason.is_refusal() {
                "acequia_gate_connections_refused_total"
            } else {
                "acequia_gate_connections_closed_total"
            };
            (reason, self.counter(name, &labels))
        };
        GateHandles {
            stats,
            connections: self.gauge("acequia_gate_connections", &labels),
            not_ready: self.gauge("acequia_gate_connections_not_ready", &labels),
            received: self.counter("acequia_gate_received_bytes_total", &labels),
            sent: self.counter("acequia_gate_sent_bytes_total", &labels),
            closed: CloseReason::ALL.into_iter().map(closed).collect(),
        }
    }
}

const COUNTERS: &[(&str, Option<Unit>, &str)] = &[
    ("acequia_jobs_submitted_total", None, "Jobs admitted."),
    ("acequia_jobs_ended_total", None, "Jobs ended, by outcome."),
    ("acequia_jobs_rejected_total", None, "Ops refused, by code."),
    ("acequia_jobs_redelivered_total", None, "Jobs put back because their worker was lost."),
    ("acequia_dead_letters_evicted_total", None, "Dead letters dropped for lack of room."),
    ("acequia_worker_messages_dropped_total", None, "Messages of workers dropped, by reason."),
    ("acequia_journal_syncs_total", None, "Syncs of the journal's file to its disk."),
    ("acequia_cluster_takeovers_total", None, "Times that this server became the owner."),
    (
        "acequia_cluster_fenced_writes_total",
        None,
        "Times that it found out that it is not any more.",
    ),
    ("acequia_http_refused_total", None, "Requests that the front door refused, by reason."),
    ("acequia_tokens_refused_total", None, "Clients refused for their token, by reason."),
    ("acequia_workers_refused_total", None, "Workers turned away at their `ready`, by reason."),
    #[cfg(feature = "otlp")]
    ("acequia_spans_dropped_total", None, "Spans that no collector got, by reason."),
    ("acequia_gate_connections_refused_total", None, "Worker connections turned away, by reason."),
    ("acequia_gate_connections_closed_total", None, "Worker connections ended otherwise."),
    ("acequia_gate_received_bytes_total", Some(Unit::Bytes), "Bytes from workers."),
    ("acequia_gate_sent_bytes_total", Some(Unit::Bytes), "Bytes to workers."),
];

const GAUGES: &[(&str, Option<Unit>, &str)] = &[
    ("acequia_queue_depth", None, "Jobs that wait for a slot."),
    ("acequia_dead_letters", None, "Jobs that failed and are kept until an operator decides."),
    ("acequia_jobs_running", None, "Jobs with a worker."),
    ("acequia_queue_oldest_waiting_seconds", Some(Unit::Seconds), "Age of the oldest waiting job."),
    ("acequia_queue_slots", None, "Slots of the workers that serve the queue and take jobs."),
    ("acequia_queue_slots_busy", None, "Those of them that hold a job, of whichever queue."),
    ("acequia_queue_load_ratio", None, "Busy slots and waiting jobs per slot, or in all if none."),
    ("acequia_workers", None, "Workers that are ready."),
    ("acequia_workers_silent", None, "Those of them whose lease ran out; they get no jobs."),
    ("acequia_slots_busy", None, "Slots that hold a job."),
    (
        "acequia_slots_held",
        None,
        "Slots that workers have not given back although their runs are void.",
    ),
    ("acequia_slots_free", None, "Slots that are free."),
    ("acequia_sessions", None, "Open sessions."),
    ("acequia_payload_bytes", Some(Unit::Bytes), "Payloads of live jobs."),
    ("acequia_journal_writable", None, "Whether jobs can be written, and so are accepted."),
    ("acequia_journal_waiting_bytes", Some(Unit::Bytes), "What waits for the journal's disk."),
    ("acequia_journal_recovered_jobs", None, "Jobs that the journal had when the server started."),
    ("acequia_cluster_owner", None, "Whether this server owns the cluster's journal."),
    ("acequia_cluster_epoch", None, "How often the journal has changed hands, as seen last."),
    ("acequia_cluster_lost_commits", None, "Whether the database lacks what it had confirmed."),
    ("acequia_links", None, "Doors that are linked to this server."),
    ("acequia_link_calls", None, "Connections on which doors pass on calls over HTTP."),
    ("acequia_door_linked", None, "Whether this door is linked to an owner."),
    ("acequia_door_sessions", None, "Open connections of clients of this door."),
    ("acequia_door_workers", None, "Workers of this door that are ready."),
    ("acequia_gate_connections", None, "Open connections of workers."),
    ("acequia_gate_connections_not_ready", None, "Those of them that are not ready."),
];
