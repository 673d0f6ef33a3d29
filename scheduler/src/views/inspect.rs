//! What an operator looks at, piece by piece: the workers, and live jobs by where they are.
//!
//! No piece costs a walk over all jobs.

use acequia_wire::{JobId, QueueName};

use crate::ids::{ClientId, LaneKey, Ticket};
use crate::scheduler::Scheduler;
use crate::state::job::{Job, State};
use crate::state::lanes;
use crate::time::Time;
use crate::views::lookup::LiveJob;
use crate::views::stats::LaneStats;
use crate::void::VoidReason;

/// Runs of one worker that are told at most.
pub const RUNS_TOLD: usize = 100;

/// Jobs that are passed over for one page at most.
const WALK_MAX: usize = 10_000;

/// A worker, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneDetails {
    /// Its lane in numbers.
    pub stats: LaneStats,
    /// The queues that it serves, by name.
    pub queues: Vec<QueueName>,
    /// When it was ready.
    pub since: Time,
    /// Runs that it said to be done.
    pub done: u64,
    /// Runs that it said to have failed.
    pub failed: u64,
    /// The runs in its slots that jobs wait for, the oldest first, up to [`RUNS_TOLD`].
    pub runs: Vec<Run>,
    /// The void runs in its slots, the oldest first, up to as many.
    pub held: Vec<Held>,
}

/// A slot that a worker has not given back although its run is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The job that it ran.
    pub job: JobId,
    /// Since when the run is void.
    pub since: Time,
    /// Why.
    pub why: VoidReason,
}

/// A run in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub since: Time,
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// Which of its runs this is, from 1.
    pub attempt: u32,
}

/// Where a live job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not to run before its time.
    Delayed,
    /// In its queue.
    Waiting,
    /// With a worker.
    Running,
}

/// Which live jobs are asked for.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Those that are there.
    pub state: JobState,
    /// Of one queue, or of all.
    pub queue: Option<QueueName>,
    /// Of one client, or of all.
    pub client: Option<ClientId>,
}

/// Where a page of jobs ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCursor {
    /// The last job of the page.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// Since when it waits or runs, or until when it is delayed.
    pub at: Time,
    /// The place of its record.
    pub ticket: Ticket,
}

/// Some live jobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobPage {
    /// The jobs: those that wait in the order in which they came to wait, queue by queue; those of
    /// one client by priority; those that run from the one that does so for longest; delayed ones as
    /// they are due.
    pub jobs: Vec<LiveJob>,
    /// Where the page ends, if it is not the last. A page may end early, for having passed over
    /// too many jobs of others.
    pub end: Option<JobCursor>,
}

/// A page cannot be told: the job that the page before it ended with is no longer there, and too
/// many others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job that the page before ended with is no longer where it was; begin with the first page again"
)]
pub struct PageLost;

/// A filter's queue and client by their keys.
#[derive(Clone, Copy)]
struct Whose {
    queue: Option<usize>,
    client: Option<usize>,
}

impl Whose {
    fn includes(self, job: &Job) -> bool {
        self.queue.is_none_or(|queue| queue == job.queue())
            && self.client.is_none_or(|client| client == job.client())
    }
}

impl Scheduler {
    /// A worker, if it is there.
    pub fn lane(&self, key: LaneKey) -> Option<LaneDetails> {
        self.lanes.get(key).map(|lane| self.lane_details(key, lane))
    }

    /// The first `limit` workers after one of them, in the order of their keys, of one queue or
    /// of all; and whether there are more. Costs a look at each worker.
    pub fn lanes(
        &self,
        queue: Option<&QueueName>,
        after: Option<LaneKey>,
        limit: usize,
    ) -> (Vec<LaneDetails>, bool) {
        let queue = queue.map(|name| self.queues.find(name));
        let serves = |lane: &lanes::Lane| match queue {
            None => true,
            Some(None) => false,
            Some(Some(queue)) => self.lanes.queues_of(lane.group).contains(&queue),
        };
        let all = self.lanes.iter().filter(|(key, lane)| after < Some(**key) && serves(lane));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(key, _)| **key);
        let page = all.iter().take(limit).map(|(key, lane)| self.lane_details(**key, lane));
        (page.collect(), all.len() > limit)
    }

    fn lane_details(&self, key: LaneKey, lane: &lanes::Lane) -> LaneDetails {
        let name = |queue: &usize| self.queues[*queue].name.clone();
        let mut queues: Vec<QueueName> =
            self.lanes.queues_of(lane.group).iter().map(name).collect();
        queues.sort_unstable();
        let run = |key: usize| {
            let job = &self.jobs[key];
            let State::Running { since, .. } = job.state else { return None };
            let queue = self.queues[job.queue()].name.clone();
            Some(Run { since, job: job.id, queue, attempt: job.runs })
        };
        let behind = |key: &usize| self.jobs[*key].in_turn.behind();
        let runs = std::iter::successors(lane.runs.front(), behind).take(RUNS_TOLD);
        let held = |((since, job), why): (&(Time, JobId), &VoidReason)| Held {
            job: *job,
            since: *since,
            why: *why,
        };
        LaneDetails {
            stats: LaneStats::of(key, lane),
            queues,
            since: lane.since,
            done: lane.done,
            failed: lane.failed,
            runs: runs.filter_map(run).collect(),
            held: lane.void.iter().take(RUNS_TOLD).map(held).collect(),
        }
    }

    /// The first `limit` live jobs that a filter lets through, after the end of another page.
    ///
    /// # Errors
    /// If it cannot be told where that page ended.
    pub fn jobs(
        &mut self,
        filter: &JobFilter,
        after: Option<&JobCursor>,
        limit: usize,
    ) -> Result<JobPage, PageLost> {
        let Some(whose) = self.whose(filter) else { return Ok(JobPage::default()) };
        let (keys, end) = match filter.state {
            JobState::Waiting => self.waiting(whose, after, limit)?,
            JobState::Running => self.running(whose, after, limit)?,
            JobState::Delayed => self.delayed(whose, after, limit),
        };
        let jobs = keys.iter().filter_map(|key| self.live_job(*key)).collect();
        Ok(JobPage { jobs, end: end.map(|key| self.cursor(key)) })
    }

    /// `None` if nobody of this name has a job, or no queue of this name is in use.
    fn whose(&self, filter: &JobFilter) -> Option<Whose> {
        let queue = match &filter.queue {
            Some(name) => Some(self.queues.find(name)?),
            None => None,
        };
        let client = match filter.client {
            Some(client) => Some(self.clients.find(client)?),
            None => None,
        };
        Some(Whose { queue, client })
    }

    fn cursor(&self, key: usize) -> JobCursor {
        let job = &self.jobs[key];
        let (State::Waiting { since: at }
        | State::Delayed { until: at }
        | State::Running { since: at, .. }) = job.state;
        let queue = self.queues[job.queue()].name.clone();
        JobCursor { job: job.id, queue, at, ticket: job.ticket }
    }

    fn waiting(
        &mut self,
        whose: Whose,
        after: Option<&JobCursor>,
        limit: usize,
    ) -> Result<(Vec<usize>, Option<usize>), PageLost> {
        let is_it = |key: usize| whose.queue.is_none_or(|queue| queue == key);
        let mut queues: Vec<(QueueName, usize)> = self
            .queues
            .keys()
            .filter(|(key, queue)| is_it(*key) && queue.waiting() > 0)
            .map(|(key, queue)| (queue.name.clone(), key))
            .collect();
        queues.sort_unstable();
        let mut page = Vec::new();
        for (name, queue) in queues {
            let mut next = match after {
                Some(after) if name < after.queue => continue,
                Some(after) if name == after.queue => {
                    self.next_waiting(queue, whose.client, after)?
                }
                _ => self.queues[queue].waiting_after(&mut self.jobs, whose.client, None),
            };
            while let Some(key) = next {
                if page.len() == limit {
                    let end = page.last().copied();
                    return Ok((page, end));
                }
                page.push(key);
                next = self.queues[queue].waiting_after(&mut self.jobs, whose.client, Some(key));
            }
        }
        Ok((page, None))
    }

    /// The job that waits behind the one that a page ended with. Where that is gone, all that came
    /// before it mostly is too.
    fn next_waiting(
        &mut self,
        queue: usize,
        client: Option<usize>,
        after: &JobCursor,
    ) -> Result<Option<usize>, PageLost> {
        let Self { by_id, jobs, queues, .. } = self;
        let last = by_id.find(jobs, after.job);
        let last = last.filter(|key| {
            let job = &jobs[*key];
            job.queue() == queue && job.waiting_since() == Some(after.at)
        });
        if last.is_some() {
            return Ok(queues[queue].waiting_after(jobs, client, last));
        }
        if client.is_some() {
            return Err(PageLost);
        }
        let mut next = queues[queue].waiting_after(jobs, None, None);
        for _ in 0..WALK_MAX {
            match next.filter(|key| jobs[*key].waiting_since() < Some(after.at)) {
                Some(_) => next = queues[queue].waiting_after(jobs, None, next),
                None => return Ok(next),
            }
        }
        Err(PageLost)
    }

    fn running(
        &self,
        whose: Whose,
        after: Option<&JobCursor>,
        limit: usize,
    ) -> Result<(Vec<usize>, Option<usize>), PageLost> {
        let behind = |key: &usize| self.jobs[*key].in_arrival.behind();
        let first = match after {
            Some(after) => self.next_running(after)?,
            None => self.runs.front(),
        };
        let (mut page, mut last) = (Vec::new(), None);
        for (nth, key) in std::iter::successors(first, behind).enumerate() {
            let is_wanted = whose.includes(&self.jobs[key]);
            if nth == WALK_MAX || is_wanted && page.len() == limit {
                return Ok((page, last));
            }
            last = Some(key);
            if is_wanted {
                page.push(key);
            }
        }
        Ok((page, None))
    }

    /// The job that has run for less than the one that a page ended with. Where that is gone, most
    /// that came before it is too.
    fn next_running(&self, after: &JobCursor) -> Result<Option<usize>, PageLost> {
        let since = |key: usize| match self.jobs[key].state {
            State::Running { since, .. } => Some(since),
            State::Delayed { .. } | State::Waiting { .. } => None,
        };
        let behind = |key: &usize| self.jobs[*key].in_arrival.behind();
        let last = self.by_id.find(&self.jobs, after.job);
        if let Some(last) = last.filter(|key| since(*key) == Some(after.at)) {
            return Ok(behind(&last));
        }
        // Others began at the same time, of which some may have been told: better twice than never.
        let is_later = |key: &usize| since(*key) >= Some(after.at);
        let mut runs = std::iter::successors(self.runs.front(), behind);
        let found = runs.by_ref().take(WALK_MAX).find(is_later);
        if found.is_none() && runs.next().is_some() {
            return Err(PageLost);
        }
        Ok(found)
    }

    fn delayed(
        &self,
        whose: Whose,
        after: Option<&JobCursor>,
        limit: usize,
    ) -> (Vec<usize>, Option<usize>) {
        let (mut page, mut last) = (Vec::new(), None);
        for (nth, key) in self.timers.due_after(after.map(|of| (of.at, of.ticket))).enumerate() {
            let is_wanted = whose.includes(&self.jobs[key]);
            if nth == WALK_MAX || is_wanted && page.len() == limit {
                return (page, last);
            }
            last = Some(key);
            if is_wanted {
                page.push(key);
            }
        }
        (page, None)
    }
}
