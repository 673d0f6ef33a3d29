//! The scheduler's state in numbers, for metrics and pages.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::QueueName;
use rustc_hash::FxHashMap;

use crate::ids::LaneKey;
use crate::scheduler::Scheduler;
use crate::state::lanes::{GroupSlots, Lane};
use crate::state::queue::Queue;
use crate::time::Time;
use crate::void::VoidReason;

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Open sessions.
    pub sessions: usize,
    /// Live jobs: delayed, waiting or running.
    pub live_jobs: usize,
    /// Bytes of payloads of live jobs.
    pub payload_bytes: usize,
    /// Each queue in use.
    pub queues: Vec<QueueStats>,
    /// Dead letters.
    pub dead_letters: usize,
    /// Those of each queue that has any.
    pub dead_letters_of: Vec<(QueueName, usize)>,
    /// Each worker.
    pub lanes: Vec<LaneStats>,
    /// Slots that workers have not given back although their runs are void, by why, in the order of
    /// [`VoidReason::ALL`].
    pub slots_held: [u64; VoidReason::ALL.len()],
}

/// The sums of everything at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Open sessions.
    pub sessions: usize,
    /// Live jobs: delayed, waiting or running.
    pub live_jobs: usize,
    /// Bytes of payloads of live jobs.
    pub payload_bytes: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Workers.
    pub lanes: usize,
    /// Their slots.
    pub slots: u64,
    /// Those of them that hold a job.
    pub slots_busy: u64,
    /// Those of them whose runs are void, which workers have not given back.
    pub slots_held: u64,
}

/// A queue at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Its name.
    pub name: QueueName,
    /// Jobs that wait for a slot.
    pub waiting: usize,
    /// Jobs with a worker.
    pub running: usize,
    /// Jobs that may not run before their time.
    pub delayed: usize,
    /// Whether an operator lets none of its jobs begin.
    pub is_paused: bool,
    /// How long the oldest of the waiting has waited.
    pub oldest: Option<Duration>,
    /// Slots that its jobs may be put into: all those of each worker that serves it and takes jobs,
    /// whichever other queues that worker serves too.
    pub slots: u64,
    /// Those of them that hold a job, of whichever queue.
    pub slots_busy: u64,
}

impl QueueStats {
    /// How many slots the queue would fill, in parts of those that it has: up to 1 while there are
    /// free ones, more when jobs wait. A queue without slots counts as one that has a single one,
    /// so that a job that waits there asks for a worker.
    #[expect(clippy::cast_precision_loss, reason = "a ratio is a double")]
    pub fn load(&self) -> f64 {
        (self.slots_busy + self.waiting as u64) as f64 / self.slots.max(1) as f64
    }
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStats {
    /// Its lane.
    pub lane: LaneKey,
    /// What people call it.
    pub name: Arc<str>,
    /// How many jobs it may hold.
    pub slots: u32,
    /// How many it holds.
    pub busy: usize,
    /// Those of them whose runs are void, which its worker has not given back.
    pub held: usize,
    /// Whether it takes none but jobs that are under suspicion of having cost their workers their
    /// lives.
    pub apart: bool,
    /// Whether it takes no more.
    pub draining: bool,
    /// Whether its lease ran out and nothing was heard of it since.
    pub silent: bool,
}

impl LaneStats {
    pub(crate) fn of(key: LaneKey, lane: &Lane) -> Self {
        Self {
            lane: key,
            name: lane.name.clone(),
            slots: lane.slots,
            busy: lane.held.len(),
            held: lane.void.len(),
            apart: lane.apart,
            draining: lane.draining,
            silent: lane.silent,
        }
    }
}

impl Scheduler {
    /// The state at this moment. Costs a walk over all queues and lanes, and over the queues
    /// of dead letters.
    pub fn stats(&self, now: Time) -> Stats {
        let in_groups = self.lanes.slots_of_groups();
        let queues = self.queues.iter().map(|queue| self.queue_stats(now, queue, &in_groups));
        let lanes = self.lanes.iter().map(|(key, lane)| LaneStats::of(*key, lane));
        let dead_letters = self.dead_letters.by_queue();
        let dead_letters = dead_letters.map(|(queue, letters)| (queue.clone(), letters));
        Stats {
            sessions: self.clients.sessions(),
            live_jobs: self.jobs.len(),
            payload_bytes: self.payload_bytes,
            queues: queues.collect(),
            dead_letters: self.dead_letters.len(),
            dead_letters_of: dead_letters.collect(),
            lanes: lanes.collect(),
            slots_held: self.lanes.void,
        }
    }

    /// The sums, which are at hand.
    pub fn totals(&self) -> Totals {
        Totals {
            sessions: self.clients.sessions(),
            live_jobs: self.jobs.len(),
            payload_bytes: self.payload_bytes,
            dead_letters: self.dead_letters.len(),
            lanes: self.lanes.len(),
            slots: self.lanes.slots,
            slots_busy: self.lanes.busy,
            slots_held: self.lanes.void.iter().sum(),
        }
    }

    /// One queue at this moment, if it is in use. Costs a walk over all lanes.
    pub fn queue(&self, now: Time, name: &QueueName) -> Option<QueueStats> {
        let queue = &self.queues[self.queues.find(name)?];
        Some(self.queue_stats(now, queue, &self.lanes.slots_of_groups()))
    }

    /// How many dead letters a queue has.
    pub fn dead_letters_of(&self, queue: &QueueName) -> usize {
        self.dead_letters.len_of(queue)
    }

    fn queue_stats(
        &self,
        now: Time,
        queue: &Queue,
        in_groups: &FxHashMap<usize, GroupSlots>,
    ) -> QueueStats {
        let of_groups = || queue.groups.iter().filter_map(|group| in_groups.get(group));
        QueueStats {
            name: queue.name.clone(),
            waiting: queue.waiting(),
            running: queue.running,
            delayed: queue.live - queue.waiting() - queue.running,
            is_paused: queue.is_paused,
            oldest: queue.oldest_waiting(&self.jobs).map(|since| now - since),
            slots: of_groups().map(|slots| slots.all).sum(),
            slots_busy: of_groups().map(|slots| slots.busy).sum(),
        }
    }
}
