//! What the server counts and measures, for Prometheus.
//!
//! Handles are made once and kept; a job's path touches only handles. What is a state and not an
//! event (depths, slots) is asked of the scheduler when somebody scrapes.

mod history;
mod queues;
mod refused;
mod times;

use std::collections::{BTreeMap, HashMap};

use acequia_gate::{CloseReason, GateStats};
use acequia_scheduler::{Dropped, Measure, QueueStats, Stats};
use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Serialize;

use self::history::{Followed, Lists, OverallLists, Points, number};
pub(crate) use self::history::{INTERVAL, Overall, Point, Recent};
use self::queues::{QueueHandles, Queues};
#[cfg(feature = "otlp")]
pub(crate) use self::refused::{DroppedSpan, DroppedSpans};
pub(crate) use self::refused::{
    RefusedRequest, RefusedRequests, RefusedToken, RefusedTokens, RefusedWorker, RefusedWorkers,
};
use crate::durability::Durability;

/// Why a worker's message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DroppedMessage {
    /// About a job.
    Job(Dropped),
    /// Before its lane was ready.
    NotReady,
    /// A `ready` for a lane that is not, or no longer, there.
    UnknownLane,
    /// A second `ready` for a lane.
    ReadyTwice,
    /// About another lane than its own.
    OtherLane,
    /// A `publish` whose body is not what its type says.
    BadPublish,
}

impl DroppedMessage {
    const ALL: [Self; 7] = [
        Self::Job(Dropped::NotHeld),
        Self::Job(Dropped::Late),
        Self::NotReady,
        Self::UnknownLane,
        Self::ReadyTwice,
        Self::OtherLane,
        Self::BadPublish,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Job(dropped) => dropped.as_str(),
            Self::NotReady => "not_ready",
            Self::UnknownLane => "unknown_lane",
            Self::ReadyTwice => "ready_twice",
            Self::OtherLane => "other_lane",
            Self::BadPublish => "bad_publish",
        }
    }
}

/// All metrics of one server. The pipeline owns it.
pub(crate) struct Metrics {
    /// Whether jobs are counted and measured.
    measures: bool,
    recorder: PrometheusRecorder,
    queues: Queues,
    /// All queues together.
    all: Followed,
    overall: Points<Overall>,
    dropped: HashMap<DroppedMessage, Counter>,
    rejected: HashMap<RejectCode, Counter>,
    workers: Gauge,
    workers_silent: Gauge,
    slots_busy: Gauge,
    slots_free: Gauge,
    sessions: Gauge,
    payload_bytes: Gauge,
    journal: JournalHandles,
    gates: Vec<GateHandles>,
}

struct JournalHandles {
    writable: Gauge,
    waiting_bytes: Gauge,
    recovered: Gauge,
    syncs: Counter,
}

struct GateHandles {
    stats: GateStats,
    connections: Gauge,
    not_ready: Gauge,
    received: Counter,
    sent: Counter,
    closed: Vec<(CloseReason, Counter)>,
}

/// Makes handles of one recorder.
struct Maker<'a>(&'a PrometheusRecorder);

impl Maker<'_> {
    const METADATA: Metadata<'static> = Metadata::new("acequia", Level::INFO, None);

    fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
        let labels = labels.iter().map(|(key, value)| Label::new(*key, (*value).to_owned()));
        Key::from_parts(name, labels.collect::<Vec<_>>())
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.0.register_counter(&Self::key(name, labels), &Self::METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.0.register_gauge(&Self::key(name, labels), &Self::METADATA)
    }

    fn describe(&self) {
        let name = |name: &'static str| KeyName::from_const_str(name);
        let text = |text: &'static str| SharedString::const_str(text);
        for (key, unit, help) in COUNTERS {
            self.0.describe_counter(name(key), *unit, text(help));
        }
        for (key, unit, help) in GAUGES {
            self.0.describe_gauge(name(key), *unit, text(help));
        }
    }

    fn journal(&self) -> JournalHandles {
        JournalHandles {
            writable: self.gauge("acequia_journal_writable", &[]),
            waiting_bytes: self.gauge("acequia_journal_waiting_bytes", &[]),
            recovered: self.gauge("acequia_journal_recovered_jobs", &[]),
            syncs: self.counter("acequia_journal_syncs_total", &[]),
        }
    }

    fn gate(&self, port: &'static str, stats: GateStats) -> GateHandles {
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
    ("acequia_jobs_redelivered_total", None, "Jobs put back since their worker was lost."),
    ("acequia_dead_letters_evicted_total", None, "Dead letters that left for want of room."),
    ("acequia_worker_messages_dropped_total", None, "Messages of workers dropped, by reason."),
    ("acequia_journal_syncs_total", None, "Syncs of the journal's file to its disk."),
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
    ("acequia_queue_load_ratio", None, "Busy slots and waiting jobs to slots, or to 1 if none."),
    ("acequia_workers", None, "Workers that are ready."),
    ("acequia_workers_silent", None, "Those of them whose lease ran out; they get no jobs."),
    ("acequia_slots_busy", None, "Slots that hold a job."),
    ("acequia_slots_free", None, "Slots that are free."),
    ("acequia_sessions", None, "Open sessions."),
    ("acequia_payload_bytes", Some(Unit::Bytes), "Payloads of live jobs."),
    ("acequia_journal_writable", None, "Whether jobs can be written down, and so are taken."),
    ("acequia_journal_waiting_bytes", Some(Unit::Bytes), "What waits for the journal's disk."),
    ("acequia_journal_recovered_jobs", None, "Jobs that the journal had when the server started."),
    ("acequia_gate_connections", None, "Open connections of workers."),
    ("acequia_gate_connections_not_ready", None, "Those of them that are not ready."),
];

/// In the order of the times of a queue.
const HISTOGRAMS: [(&str, &str); 3] = [
    ("acequia_job_waiting_seconds", "From when a job could run until it did."),
    ("acequia_job_running_seconds", "From the dispatch of a job to its worker's word."),
    ("acequia_job_round_trip_seconds", "From the submit of a job to its outcome."),
];

impl Metrics {
    /// The metrics of a server with these two gates.
    pub(crate) fn new(jobs: GateStats, results: GateStats, measures: bool) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let make = Maker(&recorder);
        make.describe();
        let dropped = |reason: DroppedMessage| {
            let labels = [("reason", reason.as_str())];
            (reason, make.counter("acequia_worker_messages_dropped_total", &labels))
        };
        let rejected = |code: &RejectCode| {
            let labels = [("code", code.as_str())];
            (*code, make.counter("acequia_jobs_rejected_total", &labels))
        };
        Self {
            measures,
            queues: Queues::new(&make),
            all: Followed::new(),
            overall: Points::new(),
            dropped: DroppedMessage::ALL.into_iter().map(dropped).collect(),
            rejected: RejectCode::ALL.iter().map(rejected).collect(),
            workers: make.gauge("acequia_workers", &[]),
            workers_silent: make.gauge("acequia_workers_silent", &[]),
            slots_busy: make.gauge("acequia_slots_busy", &[]),
            slots_free: make.gauge("acequia_slots_free", &[]),
            sessions: make.gauge("acequia_sessions", &[]),
            payload_bytes: make.gauge("acequia_payload_bytes", &[]),
            journal: make.journal(),
            gates: vec![make.gate("jobs", jobs), make.gate("results", results)],
            recorder,
        }
    }

    /// What renders the text for a scrape, from any task.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// Counts what the scheduler reports.
    pub(crate) fn record(&mut self, measure: Measure) {
        if !self.measures {
            return;
        }
        match measure {
            Measure::Submitted { queue } => self.queue(&queue).submitted(),
            Measure::Started { queue, waited } => self.queue(&queue).started(waited),
            Measure::Ended { queue, outcome, ran, total } => {
                self.queue(&queue).ended(outcome, ran, total);
            }
            Measure::Redelivered { queue } => self.queue(&queue).redelivered.increment(1),
            Measure::LetterEvicted { queue } => self.queue(&queue).letters_evicted.increment(1),
            Measure::Dropped(reason) => self.dropped(DroppedMessage::Job(reason)),
        }
    }

    /// The journal had so many jobs when the server started.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(crate) fn recovered(&self, jobs: u64) {
        self.journal.recovered.set(jobs as f64);
    }

    /// Sets what is a state of the journal.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(crate) fn set_journal(&self, durability: &Durability) {
        let (syncs, waiting_bytes) = durability.work();
        self.journal.syncs.absolute(syncs);
        self.journal.waiting_bytes.set(waiting_bytes as f64);
        self.journal.writable.set(if durability.fault().is_none() { 1.0 } else { 0.0 });
    }

    /// Counts a message of a worker that was dropped.
    pub(crate) fn dropped(&self, reason: DroppedMessage) {
        if let Some(counter) = self.dropped.get(&reason) {
            counter.increment(1);
        }
    }

    /// Counts an op that was refused.
    pub(crate) fn rejected(&self, code: RejectCode) {
        if let Some(counter) = self.rejected.get(&code) {
            counter.increment(1);
        }
    }

    fn queue(&mut self, name: &QueueName) -> &mut QueueHandles {
        self.queues.of(&Maker(&self.recorder), name)
    }

    /// Ends an interval of the history. Returns the point of all queues together.
    pub(crate) fn close_interval(&mut self, stats: &Stats) -> Overall {
        self.queues.close_interval(&Maker(&self.recorder), stats, &mut self.all);
        let sum = |pick: fn(&QueueStats) -> usize| stats.queues.iter().map(pick).sum();
        let jobs = self.all.close(sum(|queue| queue.waiting), sum(|queue| queue.running));
        let takes_jobs = stats.lanes.iter().filter(|lane| !lane.silent);
        let overall = Overall {
            jobs,
            sessions: number(stats.sessions),
            workers: number(stats.lanes.len()),
            slots: takes_jobs.map(|lane| lane.slots).sum(),
            slots_busy: number(stats.lanes.iter().map(|lane| lane.busy).sum()),
        };
        self.overall.push(overall);
        overall
    }

    /// What became of a queue's jobs within the last seconds, and in the last interval, if it has a
    /// history of its own.
    pub(crate) fn recent(&self, queue: &QueueName) -> Option<(Recent, Option<Point>)> {
        let followed = self.queues.followed(queue)?;
        Some((followed.recent(), followed.points.iter().next_back().copied()))
    }

    /// All that is kept of the last minutes.
    pub(crate) fn history(&self) -> History {
        let len = self.overall.len();
        let lists = |followed: &Followed| Lists::of(followed.points.iter().copied(), len);
        let queues = self.queues.all_followed();
        let queues = queues.map(|(name, followed)| (name.clone(), lists(followed))).collect();
        History { points: len, all: OverallLists::of(&self.overall), queues }
    }

    /// The times of jobs, for a scrape. The rest is the recorder's.
    pub(crate) fn times(&self) -> String {
        let mut text = String::new();
        for (nth, (name, help)) in HISTOGRAMS.into_iter().enumerate() {
            times::describe(&mut text, name, help);
            for (queue, times) in self.queues.times(nth) {
                times.write(&mut text, name, queue);
            }
        }
        text
    }

    /// Sets all that is a state.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(crate) fn set_states(&mut self, stats: &Stats) {
        self.queues.set_states(&Maker(&self.recorder), stats);
        let takes_jobs = stats.lanes.iter().filter(|lane| !lane.silent);
        let free: usize = takes_jobs.map(|lane| lane.slots as usize - lane.busy).sum();
        let busy: usize = stats.lanes.iter().map(|lane| lane.busy).sum();
        self.workers.set(stats.lanes.len() as f64);
        self.slots_busy.set(busy as f64);
        self.slots_free.set(free as f64);
        self.workers_silent.set(stats.lanes.iter().filter(|lane| lane.silent).count() as f64);
        self.sessions.set(stats.sessions as f64);
        self.payload_bytes.set(stats.payload_bytes as f64);
        for gate in &self.gates {
            let stats = gate.stats.snapshot();
            gate.connections.set(stats.open as f64);
            gate.not_ready.set(stats.not_ready as f64);
            gate.received.absolute(stats.bytes_in);
            gate.sent.absolute(stats.bytes_out);
            for (reason, counter) in &gate.closed {
                counter.absolute(stats.closed(*reason));
            }
        }
    }
}

/// The last minutes: lists of the same length, in which the last entry is the newest.
#[derive(Debug, Serialize)]
pub(crate) struct History {
    points: usize,
    all: OverallLists,
    queues: BTreeMap<QueueName, Lists>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("queues", &self.queues.with_label()).finish_non_exhaustive()
    }
}
