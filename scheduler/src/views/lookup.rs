//! Where a job is, or what became of it, for whoever knows its id.

use std::sync::Arc;

use acequia_wire::{CorrelationId, JobId, QueueName, TraceParent};

use crate::ids::{ClientId, SessionId};
use crate::records::Retained;
use crate::scheduler::Scheduler;
use crate::state::job::State;
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
