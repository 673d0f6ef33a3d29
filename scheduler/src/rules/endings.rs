//! Runs end, by word, by time or by cancelling; and jobs, once and for all.

use std::time::Duration;

use acequia_wire::client::{JobEvent, Retry};
use acequia_wire::code::{FailCode, ServerFailCode};

use crate::action::{Action, Measure};
use crate::outcome::Outcome;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::job::{Job, State};
use crate::state::timers::{Due, TimerKind};
use crate::time::Time;
use crate::void::VoidReason;

/// How long the first retry waits; each further one waits twice as long.
const RETRY_MS_FIRST: u32 = 200;
/// How long a retry waits at most.
pub(crate) const RETRY_MS_MAX: u32 = 60_000;

impl Scheduler {
    /// Takes a job out of its state. If it was running, the slot must have been released; returns
    /// how long the run took.
    pub(crate) fn leave(&mut self, step: &Step<'_>, key: usize) -> Option<Duration> {
        let job = &mut self.jobs[key];
        let (state, deadline, client) = (job.state, job.deadline(&self.config), job.client());
        let queue = &mut self.queues[job.queue()];
        // Nothing is due at this time; the caller says what comes next.
        job.state = State::Delayed { until: step.now };
        match state {
            State::Delayed { until } => {
                self.timers.clear(until, TimerKind::Due, job.ticket, key);
                None
            }
            State::Waiting { .. } => {
                let is_suspect = job.share().is_some() && !queue.holds_back(job);
                self.suspects -= usize::from(is_suspect);
                self.is_suspicion_stale |= is_suspect;
                queue.remove(&mut self.jobs, key);
                None
            }
            State::Running { since, .. } => {
                if let Some(at) = deadline {
                    self.timers.clear(at, TimerKind::Timeout, job.ticket, key);
                }
                queue.running -= 1;
                self.runs.remove(&mut self.jobs, key, Job::in_arrival);
                self.running -= 1;
                self.clients.run_ends(client);
                Some(step.now - since)
            }
        }
    }

    /// Takes a job out of its state; a run of it becomes void, and its worker is told if its lane
    /// is still there.
    pub(crate) fn abandon(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        why: VoidReason,
    ) -> Option<Duration> {
        if let State::Running { lane, .. } = self.jobs[key].state
            && self.lanes.make_void(lane, &mut self.jobs, key, (step.now, why))
        {
            let job = &mut self.jobs[key];
            job.rare_mut().void_on.push(lane);
            step.out.push(Action::CancelRun { lane, job: job.id });
            self.look_out(lane);
            self.is_suspicion_stale |= self.lanes.is_apart(lane);
        }
        self.leave(step, key)
    }

    /// A run has failed in a way that no other would mend.
    pub(crate) fn fail_for_good(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        code: FailCode,
        message: String,
        ran: Option<Duration>,
    ) {
        self.jobs[key].failures.add_one();
        self.end_failed(step, key, code, message, ran);
    }

    /// Another attempt later, if the job has one left.
    pub(crate) fn retry_or_fail(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        code: FailCode,
        message: String,
        ran: Option<Duration>,
    ) {
        let job = &mut self.jobs[key];
        job.failures.add_one();
        if job.failures >= job.attempts {
            return self.end_failed(step, key, code, message, ran);
        }
        let doublings = (job.failures.get() - 1).min(16);
        let in_ms =
            self.jitter.spread(RETRY_MS_FIRST.saturating_mul(1 << doublings).min(RETRY_MS_MAX));
        let until = step.now.plus_ms(in_ms);
        job.state = State::Delayed { until };
        self.timers.set(until, TimerKind::Due, job.ticket, key);
        self.count(step, key, Some(until));
        #[cfg(feature = "spans")]
        self.has_run(step, key, ran, Some(&code));
        self.tell_retry(step, key, code, message, in_ms);
    }

    /// Has the journal write how far a job has come.
    pub(crate) fn count(&self, step: &mut Step<'_>, key: usize, not_before: Option<Time>) {
        let Job { ticket, runs, failures, losses, .. } = self.jobs[key];
        let (failures, losses) = (failures.get(), losses.get());
        step.out.push(Action::Count { ticket, runs, failures, losses, not_before });
    }

    pub(crate) fn tell_retry(
        &self,
        step: &mut Step<'_>,
        key: usize,
        code: FailCode,
        message: String,
        in_ms: u32,
    ) {
        let (attempt, message) = (self.jobs[key].runs.saturating_add(1), message.into_boxed_str());
        let retry = Retry { attempt, code, message, in_ms };
        self.tell(step, key, JobEvent::Retrying(Box::new(retry)));
    }

    pub(crate) fn end_failed(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        code: impl Into<FailCode>,
        message: String,
        ran: Option<Duration>,
    ) {
        let (code, message) = (code.into(), message.into_boxed_str());
        let attempt = self.jobs[key].runs;
        self.end(step, key, JobEvent::Failed { code, message, attempt }, ran);
    }

    /// Ends a job that has left its state: `outcome` is the last that is heard of it.
    pub(crate) fn end(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        outcome: JobEvent,
        ran: Option<Duration>,
    ) {
        let measured = match outcome {
            JobEvent::Done { .. } => Outcome::Done,
            JobEvent::Cancelled => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        if let JobEvent::Failed { code, message, .. } = &outcome {
            self.bury(step, key, code, message);
        }
        let retain = self.retain(step, key, &outcome);
        // Told is what is kept, so that there is one result in memory and not two.
        let outcome = retain.as_ref().map_or(outcome, |kept| kept.outcome.clone());
        #[cfg(feature = "spans")]
        self.has_ended(step, key, (measured, &outcome), ran);
        self.tell(step, key, outcome);
        self.wanted_again(key);
        let mut job = self.jobs.remove(key);
        self.by_id.remove(job.id, key);
        if let Some(rare) = &mut job.rare {
            self.lanes.set_strays(job.id, std::mem::take(&mut rare.void_on));
        }
        if let Some(at) = job.expires() {
            self.timers.clear(at, TimerKind::Expire, job.ticket, key);
        }
        for watcher in job.watchers.iter() {
            if let Some(session) = self.clients.session(watcher.at.session) {
                session.jobs.remove(watcher.id, key);
                let client = session.client;
                if watcher.at.looks_on() {
                    self.clients.jobs_end(client, 1);
                }
            }
        }
        let bytes = job.payload.bytes().len();
        self.payload_bytes -= bytes;
        self.clients.job_leaves(job.client(), job.queue(), bytes);
        self.clients.jobs_end(job.client(), job.watchers.count_as_jobs());
        let queue = self.queues[job.queue()].name.clone();
        self.queues[job.queue()].live -= 1;
        self.queues.forget_if_unused(job.queue());
        let session = job.watchers.began_in();
        let in_batch = job.batch().is_some();
        step.out.push(Action::Settle {
            ticket: job.ticket,
            job: job.id,
            session,
            in_batch,
            retain,
        });
        self.give_up(step);
        let total = step.now - job.submitted;
        step.measure(Measure::Ended { queue, outcome: measured, ran, total });
        if let Some(batch) = job.batch() {
            self.end_in_batch(step, batch, measured);
        }
    }

    pub(crate) fn tick(&mut self, step: &mut Step<'_>) {
        self.expire_outcomes(step.now);
        while let Some(due) = self.timers.pop_due(step.now) {
            match due {
                Due::Lane(lane) => self.lane_due(step, lane),
                Due::Adoption => self.adoption_is_over(step),
                Due::Job(TimerKind::Due, key) => self.run_or_wait(step, key),
                Due::Job(TimerKind::Expire, key) => {
                    let ran = self.leave(step, key);
                    let ttl_ms = self.jobs[key].ttl_ms().unwrap_or_default();
                    let message = format!("not started within {ttl_ms} ms");
                    self.end_failed(step, key, ServerFailCode::Expired, message, ran);
                }
                Due::Job(TimerKind::Forsaken, key) => {
                    self.jobs[key].rare_mut().forsaken = None;
                    self.end_cancelled(step, key);
                }
                Due::Job(TimerKind::Timeout, key) => {
                    let ran = self.abandon(step, key, VoidReason::Timeout);
                    let timeout_ms = self.jobs[key].timeout_ms(&self.config).unwrap_or_default();
                    let message = format!("the run took longer than {timeout_ms} ms");
                    let code = ServerFailCode::Timeout.into();
                    self.retry_or_fail(step, key, code, message, ran);
                }
            }
        }
    }
}
