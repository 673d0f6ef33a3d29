//! Where a job is, or what became of it, for whoever knows its id.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use acequia_wire::{CorrelationId, JobId, QueueName, TraceParent};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::chunks::Chunks;
use crate::event::{ClientId, Retained, SessionId};
use crate::job::{Job, State};
use crate::list::index;
use crate::scheduler::Scheduler;
use crate::time::Time;

/// What is known of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It is live.
    Live(LiveJob),
    /// It has ended, and its outcome is still kept.
    Ended(Arc<Retained>),
}

/// A live job at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveJob {
    /// The job.
    pub job: JobId,
    /// What the submit that began it called it.
    pub id: CorrelationId,
    /// Its queue.
    pub queue: QueueName,
    /// Its priority.
    pub priority: u8,
    /// Whose it is.
    pub client: ClientId,
    /// When it was submitted.
    pub submitted: Time,
    /// Runs begun.
    pub runs: u32,
    /// Runs that failed or timed out.
    pub failures: u32,
    /// Runs lost with their workers.
    pub losses: u32,
    /// Where it is.
    pub state: LiveState,
    /// Its span, if it is part of a trace.
    pub traceparent: Option<Box<TraceParent>>,
}

/// Where a live job is; the picture is in the [crate's documentation](crate).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveState {
    /// Not to run before its time: it is delayed, or its last run failed.
    Delayed {
        /// Until when.
        until: Time,
    },
    /// In its queue.
    Waiting {
        /// Since when it could run.
        since: Time,
    },
    /// With a worker.
    Running {
        /// What people call the worker.
        worker: Arc<str>,
        /// When the run began.
        since: Time,
    },
}

/// The live jobs by id, as keys of the slab that holds them: the ids themselves stand there, so
/// that a job costs only some bytes here.
#[derive(Debug, Default)]
pub(crate) struct ById(HashTable<u32>);

/// The server makes the ids of jobs, so a quick hasher is safe.
fn hash(id: JobId) -> u64 {
    FxBuildHasher.hash_one(id)
}

impl ById {
    /// Adds the job of this key, which is in the slab.
    pub(crate) fn insert(&mut self, jobs: &Chunks<Job>, key: usize) {
        let rehash = |key: &u32| hash(jobs[*key as usize].id);
        self.0.insert_unique(hash(jobs[key].id), index(key), rehash);
    }

    /// Takes out the job of this key, which may have left the slab.
    pub(crate) fn remove(&mut self, id: JobId, key: usize) {
        if let Ok(entry) = self.0.find_entry(hash(id), |at| *at == index(key)) {
            entry.remove();
        }
    }

    pub(crate) fn find(&self, jobs: &Chunks<Job>, id: JobId) -> Option<usize> {
        let is_it = |key: &u32| jobs[*key as usize].id == id;
        self.0.find(hash(id), is_it).map(|key| *key as usize)
    }
}

impl Scheduler {
    /// Whose session this is; `None` if it is over.
    pub fn client_of(&self, session: SessionId) -> Option<ClientId> {
        Some(self.clients.id_of(self.clients.look_at(session)?.client))
    }

    /// What is known at `now` of the job of this id; `None` of one that never was, that ended long
    /// ago or before it was accepted. One that failed may still have a
    /// [dead letter](Self::dead_letter).
    pub fn find(&self, now: Time, job: JobId) -> Option<Found> {
        if let Some(key) = self.by_id.find(&self.jobs, job) {
            return self.live_job(key).map(Found::Live);
        }
        let retained = self.outcomes.of_job(job)?;
        // Those that are due leave with the next tick.
        let is_kept = retained.ended + self.config.retention > now;
        is_kept.then(|| Found::Ended(retained.clone()))
    }

    pub(crate) fn live_job(&self, key: usize) -> Option<LiveJob> {
        let job = &self.jobs[key];
        let state = match job.state {
            State::Delayed { until } => LiveState::Delayed { until },
            State::Waiting { since } => LiveState::Waiting { since },
            State::Running { lane, since } => {
                LiveState::Running { worker: self.lanes.get(lane)?.name.clone(), since }
            }
        };
        Some(LiveJob {
            job: job.id,
            id: job.watchers.began_as().clone(),
            priority: job.priority,
            queue: self.queues[job.queue()].name.clone(),
            client: self.clients.id_of(job.client()),
            submitted: job.submitted,
            runs: job.runs,
            failures: job.failures.get(),
            losses: job.losses.get(),
            state,
            traceparent: self.traceparent(job),
        })
    }
}

#[cfg(test)]
impl ById {
    pub(crate) fn assert_consistent(&self, jobs: &Chunks<Job>) {
        assert_eq!(self.0.len(), jobs.len());
        assert!(jobs.iter().all(|(key, job)| self.find(jobs, job.id) == Some(key)));
    }
}
