//! All metrics of one server.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use acequia_gate::GateStats;
use acequia_scheduler::{Dropped, Measure, QueueStats, Stats, VoidReason};
use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Serialize;

use super::cluster_state::ClusterState;
use super::history::{Followed, Lists, Overall, OverallLists, Point, Points, Recent, number};
use super::job_times::JobTimes;
use super::maker::{GateHandles, JournalHandles, Maker};
use super::queues::{QueueHandles, Queues};
use super::refused::{Reason, Refused};
use super::times::{Times, micros};

/// What goes on with the journal's file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalState {
    /// Syncs so far.
    pub(crate) syncs: u64,
    /// Bytes that wait for the next, about.
    pub(crate) waiting_bytes: usize,
    pub(crate) is_writable: bool,
}

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
    /// A `ready` on a results connection that two workers share.
    SharedResults,
    /// About another lane than its own.
    OtherLane,
    /// A `publish` whose body is not what its type says.
    BadPublish,
}

impl DroppedMessage {
    const ALL: [Self; 8] = [
        Self::Job(Dropped::NotHeld),
        Self::Job(Dropped::Late),
        Self::NotReady,
        Self::UnknownLane,
        Self::ReadyTwice,
        Self::SharedResults,
        Self::OtherLane,
        Self::BadPublish,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Job(dropped) => dropped.as_str(),
            Self::NotReady => "not_ready",
            Self::UnknownLane => "unknown_lane",
            Self::ReadyTwice => "ready_twice",
            Self::SharedResults => "shared_results",
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
    slots_held: Vec<Gauge>,
    sessions: Gauge,
    payload_bytes: Gauge,
    journal: JournalHandles,
    /// How long groups of records took to be durable.
    groups: Times,
    gates: Vec<GateHandles>,
}

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
        let held = |why: VoidReason| make.gauge("acequia_slots_held", &[("why", why.as_str())]);
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
            slots_held: VoidReason::ALL.map(held).into(),
            sessions: make.gauge("acequia_sessions", &[]),
            payload_bytes: make.gauge("acequia_payload_bytes", &[]),
            journal: make.journal(),
            groups: Times::default(),
            gates: vec![make.gate("jobs", jobs), make.gate("results", results)],
            recorder,
        }
    }

    /// What renders the text for a scrape, from any task.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// The counters of these refusals.
    pub(crate) fn refused<R: Reason>(&self) -> Refused<R> {
        Maker(&self.recorder).refused()
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
    pub(crate) fn set_journal(&self, state: JournalState) {
        self.journal.syncs.absolute(state.syncs);
        self.journal.waiting_bytes.set(state.waiting_bytes as f64);
        self.journal.writable.set(if state.is_writable { 1.0 } else { 0.0 });
    }

    /// A group of records took so long to be durable.
    pub(crate) fn group_written(&mut self, took: Duration) {
        self.groups.record(micros(took));
    }

    /// What this server is in its cluster.
    pub(crate) fn set_cluster(&self, state: ClusterState) {
        Maker(&self.recorder).cluster(state);
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

    /// The times of jobs as they are now, to be written elsewhere. The rest is the recorder's.
    pub(crate) fn times(&self) -> JobTimes {
        let of = |nth| self.queues.times(nth).map(|(queue, times)| (queue.into(), times.clone()));
        let queues = std::array::from_fn(|nth| of(nth).collect());
        JobTimes { queues, groups: self.groups.clone() }
    }

    /// Sets all that is a state.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub(crate) fn set_states(&mut self, stats: &Stats) {
        self.queues.set_states(&Maker(&self.recorder), stats);
        let takes_jobs = stats.lanes.iter().filter(|lane| !lane.silent);
        // After a takeover, one may hold more than it will get again.
        let free = takes_jobs.map(|lane| (lane.slots as usize).saturating_sub(lane.busy));
        let free: usize = free.sum();
        let busy: usize = stats.lanes.iter().map(|lane| lane.busy).sum();
        self.workers.set(stats.lanes.len() as f64);
        self.slots_busy.set(busy as f64);
        self.slots_free.set(free as f64);
        for (gauge, slots) in self.slots_held.iter().zip(stats.slots_held) {
            gauge.set(slots as f64);
        }
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
