//! One live job.

use acequia_wire::{JobId, Payload, TraceParent};

use crate::event::{LaneKey, Ticket};
use crate::list::Links;
use crate::time::Time;
use crate::watchers::Watchers;

/// A live job: everything from its submit to its outcome. A million of them may wait, so of the
/// submit there is only what is still needed, and what few jobs have is apart.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    /// Who is told about it.
    pub(crate) watchers: Watchers,
    /// Whose turn it takes: a key of `Clients`.
    pub(crate) client: usize,
    /// A key of `Queues`.
    pub(crate) queue: usize,
    pub(crate) payload: Payload,
    pub(crate) state: State,
    /// The place of its record, and its age among all jobs: many are submitted at the same time.
    pub(crate) ticket: Ticket,
    pub(crate) submitted: Time,
    pub(crate) priority: u8,
    /// How often it may be tried.
    pub(crate) attempts: u32,
    /// After how many milliseconds a run is given up.
    pub(crate) timeout_ms: Option<u32>,
    /// Runs begun.
    pub(crate) runs: u32,
    /// Runs that failed or timed out; bounded by the job's `attempts`.
    pub(crate) failures: u32,
    /// Runs lost with their lanes.
    pub(crate) losses: u32,
    /// Chunks of this run.
    pub(crate) chunks: u32,
    /// Somebody who is gone wanted it to run all the same.
    pub(crate) kept: bool,
    /// It failed before, and whoever had it run again may ask what became of it.
    pub(crate) redriven: bool,
    /// Whether its record is durable, and its client knows.
    pub(crate) accepted: bool,
    /// Whether its client was told of this run's start.
    pub(crate) start_told: bool,
    /// Its neighbours among its client's jobs, while it waits.
    pub(crate) in_turn: Links,
    /// Its neighbours among all that wait in its queue, while it waits.
    pub(crate) in_arrival: Links,
    pub(crate) rare: Option<Box<Rare>>,
}

/// Of a million jobs that wait, each byte is a megabyte.
const _: () = assert!(size_of::<Job>() <= 232);

/// What few jobs have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// The same key again is the same job.
    pub(crate) key: Option<Box<str>>,
    /// A key of `Batches`.
    pub(crate) batch: Option<usize>,
    /// If it has not started within so many milliseconds, it has failed.
    pub(crate) ttl_ms: Option<u32>,
    /// When it is cancelled unless somebody who is told about it comes back.
    pub(crate) forsaken: Option<Time>,
    /// Lanes that hold a void run of this job. It does not run there until that is over, or the
    /// worker's word on the one run could be taken for the other's.
    pub(crate) void_on: Vec<LaneKey>,
    /// The span that its client put its own below.
    pub(crate) traceparent: Option<Box<TraceParent>>,
    /// What people call the worker that has it, if that will be told of.
    #[cfg(feature = "spans")]
    pub(crate) worker: Option<std::sync::Arc<str>>,
}

/// Where a job is; the picture is in the crate's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not to run before this time.
    Delayed { until: Time },
    /// In its queue, since it could run.
    Waiting { since: Time },
    /// With a worker.
    Running { lane: LaneKey, since: Time },
}

impl Job {
    pub(crate) fn key(&self) -> Option<&str> {
        self.rare.as_ref()?.key.as_deref()
    }

    pub(crate) fn batch(&self) -> Option<usize> {
        self.rare.as_ref()?.batch
    }

    pub(crate) fn ttl_ms(&self) -> Option<u32> {
        self.rare.as_ref()?.ttl_ms
    }

    pub(crate) fn void_on(&self) -> &[LaneKey] {
        self.rare.as_ref().map_or(&[], |rare| &rare.void_on)
    }

    /// The span that its client put its own below.
    pub(crate) fn given_traceparent(&self) -> Option<&TraceParent> {
        self.rare.as_ref()?.traceparent.as_deref()
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// When it is cancelled unless somebody comes back.
    pub(crate) fn forsaken(&self) -> Option<Time> {
        self.rare.as_ref()?.forsaken
    }

    /// When it expires, until it has started.
    pub(crate) fn expires(&self) -> Option<Time> {
        let ttl_ms = self.ttl_ms().filter(|_| self.runs == 0);
        ttl_ms.map(|ms| self.submitted.plus_ms(ms))
    }

    /// Since when it waits, if it does.
    pub(crate) fn waiting_since(&self) -> Option<Time> {
        match self.state {
            State::Waiting { since } => Some(since),
            State::Delayed { .. } | State::Running { .. } => None,
        }
    }

    /// When its run is given up.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Running { since, .. } => self.timeout_ms.map(|ms| since.plus_ms(ms)),
            State::Delayed { .. } | State::Waiting { .. } => None,
        }
    }

    pub(crate) fn in_turn(&mut self) -> &mut Links {
        &mut self.in_turn
    }

    pub(crate) fn in_arrival(&mut self) -> &mut Links {
        &mut self.in_arrival
    }
}
