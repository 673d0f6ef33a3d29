//! One job for all submits of the same key: who else is told, who leaves, and what is told later.

use std::sync::Arc;

use acequia_wire::CorrelationId;
use acequia_wire::client::{JobEvent, OnDisconnect, Refusal, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::WATCHERS_MAX;

use crate::ids::SessionId;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::keys::Keyed;
use crate::state::watchers::{Place, Watcher};

impl Scheduler {
    /// Answers a submit whose key stands for a job already. Returns whether there is one.
    pub(crate) fn answer_by_key(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        client: usize,
        spec: &Arc<Submit>,
    ) -> bool {
        let Some(key) = &spec.key else { return false };
        match self.keys.answer(self.clients.id_of(client), key) {
            None => return false,
            Some(Keyed::Ended(key)) => {
                let Some(retained) = self.outcomes.get(key) else { return false };
                step.tell_of_job(
                    Watcher::of(session, spec),
                    retained.job,
                    retained.outcome.clone(),
                    retained.traceparent.clone(),
                );
            }
            Some(Keyed::Live(job)) => {
                if let Err(refusal) = self.watch(step, session, job, spec) {
                    step.tell(session, refusal.of_submit(spec.id.clone()).into());
                }
            }
        }
        true
    }

    /// A live job is watched by one more. It counts as a live job of its client as often as it is
    /// watched, so that watching is no way around the limit.
    fn watch(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        key: usize,
        spec: &Arc<Submit>,
    ) -> Result<(), Refusal> {
        let job = &mut self.jobs[key];
        let watchers = job.watchers.len();
        if watchers >= WATCHERS_MAX {
            let message =
                format!("{WATCHERS_MAX} submits with this key wait for its job, the limit");
            return Err(Refusal::new(RejectCode::TooManyJobs, message));
        }
        if watchers > 0 {
            self.clients.check_jobs(session, self.config.limits.client_jobs)?;
            self.clients.job_is_watched(job.client());
        }
        let watcher = Watcher::of(session, spec);
        job.watchers.add(watcher);
        if let Some(open) = self.clients.session(session) {
            open.jobs.join(&spec.id, key);
        }
        let batch =
            job.batch().filter(|batch| spec.batch.as_deref() == Some(self.batches.name_of(*batch)));
        let (id, accepted, start_told) = (job.id, job.accepted, job.start_told);
        let traceparent = self.traceparent(&self.jobs[key]);
        if let Some(batch) = batch {
            self.attend(session, batch);
        }
        self.wanted_again(key);
        if accepted {
            step.tell_of_job(watcher, id, JobEvent::Accepted, traceparent);
        }
        if let Some(started) = self.started(key).filter(|_| start_told) {
            step.tell_of_job(watcher, id, started, None);
        }
        Ok(())
    }

    /// One of a job's watchers cancels. Returns whether others still want it.
    pub(crate) fn unwatch(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: &CorrelationId,
        key: usize,
    ) -> bool {
        let job = &mut self.jobs[key];
        if job.watchers.len() <= 1 {
            return false;
        }
        job.watchers.remove(|watcher| watcher.at.session == session && watcher.id == id);
        if let Some(open) = self.clients.session(session) {
            open.jobs.remove(id, key);
        }
        self.clients.jobs_end(job.client(), 1);
        let job = &self.jobs[key];
        let at = Place { session, on_disconnect: OnDisconnect::default() };
        let traceparent = self.traceparent(job);
        step.tell_of_job(Watcher { id, at }, job.id, JobEvent::Cancelled, traceparent);
        // Those that still want it may all be away.
        self.forsake(step, key, None);
        true
    }
}
