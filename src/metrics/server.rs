//! All metrics of one server.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use acequia_gate::GateStats;
use acequia_scheduler::{Measure, QueueStats, Stats, VoidReason};
use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use super::cluster_state::ClusterState;
use super::doors::LinkMetrics;
use super::history::{Followed, Lists, Overall, OverallLists, Point, Points, Recent, number};
use super::job_times::JobTimes;
use super::maker::{GateHandles, JournalHandles, Maker, Recorder};
use super::queues::{QueueHandles, Queues};
use super::refused::{DroppedMessage, DroppedMessages, Reason, Refused};
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

/// All metrics of one server. The pipeline owns it.
pub(crate) struct Metrics {
    /// Whether jobs are counted and measured.
    measures: bool,
    recorder: Recorder,
    queues: Queues,
    /// All queues together.
    all: Followed,
    overall: Points<Overall>,
    dropped: DroppedMessages,
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
    /// The metrics of a server with these two gates, or with none of its own.
    pub(crate) fn new(recorder: Recorder, gates: Option<[GateStats; 2]>, measures: bool) -> Self {
        let make = Maker(&recorder);
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
            dropped: make.refused(),
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
            gates: gates.map_or_else(Vec::new, |[jobs, results]| {
                vec![make.gate("jobs", jobs), make.gate("results", results)]
            }),
            recorder,
        }
    }

    /// What renders the text for a scrape, from any task.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// Counts doors.
    pub(crate) fn links(&self) -> LinkMetrics {
        LinkMetrics::new(&Maker(&self.recorder))
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
        self.dropped.count(reason);
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
        JobTimes { queues, groups: Some(self.groups.clone()) }
    }

    /// It is another server that all this is true of, from now on.
    pub(crate) fn retire(&mut self) {
        self.set_states(&Stats::default());
        self.journal.waiting_bytes.set(0.0);
        // Neither can they be written here nor can they not.
        self.journal.writable.set(f64::NAN);
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
        self.gates.iter().for_each(GateHandles::set);
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
