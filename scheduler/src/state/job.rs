//! One live job.

use acequia_wire::limits::{ATTEMPTS_MAX, DURATION_MS_MAX, LOSSES_MAX};
use acequia_wire::{JobId, Payload, TraceParent};

use crate::config::Config;
use crate::ids::{LaneKey, Ticket};
use crate::state::list::{Links, index};
use crate::state::watchers::Watchers;
use crate::time::Time;

/// A live job: everything from its submit to its outcome. A million of them may wait, so of the
/// submit there is only what is still needed, and what few jobs have is apart.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    /// Who is told about it.
    pub(crate) watchers: Watchers,
    pub(crate) belongs: Belongs,
    pub(crate) payload: Payload,
    pub(crate) state: State,
    /// The place of its record, and its age among all jobs: many are submitted at the same time.
    pub(crate) ticket: Ticket,
    pub(crate) submitted: Time,
    pub(crate) priority: u8,
    /// How often it may be tried.
    pub(crate) attempts: Count,
    /// After how many milliseconds a run is given up, if it says so itself.
    pub(crate) timeout_ms: Timeout,
    /// Runs begun.
    pub(crate) runs: u32,
    /// Runs that failed or timed out; bounded by the job's `attempts`.
    pub(crate) failures: Count,
    /// Runs lost with their lanes.
    pub(crate) losses: Count,
    /// Chunks of this run.
    pub(crate) chunks: u32,
    /// Somebody who is gone wanted it to run all the same.
    pub(crate) kept: bool,
    /// Whoever had it run knows its name and may ask what became of it, accepted or not.
    pub(crate) asked_for: bool,
    /// Whether its record is durable, and its client knows.
    pub(crate) accepted: bool,
    /// Whether its client was told of this run's start.
    pub(crate) start_told: bool,
    /// The journal kept it, and none of its runs has begun since.
    pub(crate) recovered: bool,
    /// Its neighbours among its client's jobs while it waits, among those of its lane while it
    /// runs.
    pub(crate) in_turn: Links,
    /// Its neighbours among all that wait in its queue while it waits, among all that run while it
    /// runs.
    pub(crate) in_arrival: Links,
    pub(crate) rare: Option<Box<Rare>>,
}

/// Of a million jobs that wait, each byte is a megabyte.
const _: () = assert!(size_of::<Job>() <= 208);

/// Whose a job is and where, as keys of slabs, in half of their room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Belongs {
    client: u32,
    queue: u32,
}

impl Belongs {
    pub(crate) fn new(client: usize, queue: usize) -> Self {
        Self { client: index(client), queue: index(queue) }
    }
}

/// What a job counts only up to a limit, in a fourth of the room that it has elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count(u8);

const _: () = assert!(ATTEMPTS_MAX <= u8::MAX as u32);
const _: () = assert!(LOSSES_MAX < u8::MAX as u32);

impl Count {
    pub(crate) fn get(self) -> u32 {
        self.0.into()
    }

    pub(crate) fn add_one(&mut self) {
        self.0 = self.0.saturating_add(1);
    }
}

impl From<u32> for Count {
    fn from(count: u32) -> Self {
        Self(u8::try_from(count).unwrap_or(u8::MAX))
    }
}

/// A number of milliseconds or none, in half of the room of an option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout(u32);

const _: () = assert!(DURATION_MS_MAX < Timeout::NONE.0 as u64);

impl Timeout {
    const NONE: Self = Self(u32::MAX);

    pub(crate) fn get(self) -> Option<u32> {
        (self.0 != Self::NONE.0).then_some(self.0)
    }
}

impl From<Option<u32>> for Timeout {
    fn from(ms: Option<u32>) -> Self {
        ms.map_or(Self::NONE, Self)
    }
}

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

/// From so many losses on a job is under suspicion.
const SUSPECT_FROM: u32 = 2;
/// How many jobs under suspicion share a lane at most, until one of them is lost once more.
const SHARE: usize = 8;

const _: () = assert!(SUSPECT_FROM < LOSSES_MAX, "a job runs alone before it is convicted");

impl Job {
    /// With how many jobs at most it may be on a lane, itself among them, if it is under suspicion
    /// of having cost its workers their lives: a few at first, so that those which have nothing to
    /// do with it are soon through, and at last none.
    pub(crate) fn share(&self) -> Option<usize> {
        match self.losses.get() {
            ..SUSPECT_FROM => None,
            SUSPECT_FROM..LOSSES_MAX => Some(SHARE),
            LOSSES_MAX.. => Some(1),
        }
    }

    /// Whose turn it takes: a key of `Clients`.
    pub(crate) fn client(&self) -> usize {
        self.belongs.client as usize
    }

    /// A key of `Queues`.
    pub(crate) fn queue(&self) -> usize {
        self.belongs.queue as usize
    }

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

    /// Whether it may be waiting for a run that began under a server before this one, its `attempt`th.
    pub(crate) fn goes_on_with(&self, attempt: u32) -> bool {
        let has_begun_since = self.runs > 0 && !self.recovered;
        // What the journal counts of a run when it begins is neither a failure nor a loss.
        let is_over = attempt <= self.runs && self.failures.get() + self.losses.get() > 0;
        attempt > 0 && !has_begun_since && !is_over
    }

    /// Since when it waits, if it does.
    pub(crate) fn waiting_since(&self) -> Option<Time> {
        match self.state {
            State::Waiting { since } => Some(since),
            State::Delayed { .. } | State::Running { .. } => None,
        }
    }

    /// After how many milliseconds a run of it is given up, if it says so or all jobs have it so.
    pub(crate) fn timeout_ms(&self, config: &Config) -> Option<u32> {
        self.timeout_ms.get().or(config.default_timeout_ms)
    }

    /// When its run is given up.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Time> {
        match self.state {
            State::Running { since, .. } => self.timeout_ms(config).map(|ms| since.plus_ms(ms)),
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
