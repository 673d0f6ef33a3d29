//! One job for all submits of the same key: who else is told, who leaves, and what is told later.

use std::sync::Arc;

use acequia_wire::CorrelationId;
use acequia_wire::client::{JobEvent, Refusal, Submit};

use crate::ids::SessionId;
use crate::rules::step::Step;
use crate::rules::watching::check_watchers;
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
                if let Err(refusal) = self.join(session, job, spec) {
                    step.tell(session, refusal.of_submit(spec.id.clone()).into());
                } else {
                    self.begin_to_tell(step, job, Watcher::of(session, spec));
                }
            }
        }
        true
    }

    /// A live job is submitted once more, and is to be told of. It counts as a live job of its client
    /// as often as that, so that it is no way around the limit.
    pub(crate) fn join(
        &mut self,
        session: SessionId,
        key: usize,
        spec: &Arc<Submit>,
    ) -> Result<(), Refusal> {
        let job = &self.jobs[key];
        check_watchers(job)?;
        if job.watchers.submits().next().is_some() {
            self.clients.check_jobs(session, self.config.limits.client_jobs)?;
            self.clients.job_is_watched(job.client());
        }
        let batch =
            job.batch().filter(|batch| spec.batch.as_deref() == Some(self.batches.name_of(*batch)));
        if let Some(batch) = batch {
            self.attend(session, batch);
        }
        self.wanted_again(key);
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
        let looks_on = |watcher: Watcher<'_>| {
            watcher.at.looks_on() && watcher.at.session == session && watcher.id == id
        };
        if job.watchers.submits().nth(1).is_none() || job.watchers.iter().any(looks_on) {
            return false;
        }
        job.watchers.remove(|watcher| watcher.at.session == session && watcher.id == id);
        if let Some(open) = self.clients.session(session) {
            open.jobs.remove(id, key);
        }
        self.clients.jobs_end(job.client(), 1);
        let job = &self.jobs[key];
        let watcher = Watcher { id, at: Place::looking_on(session) };
        let traceparent = self.traceparent(job);
        step.tell_of_job(watcher, job.id, JobEvent::Cancelled, traceparent);
        // Those that still want it may all be away.
        self.forsake(step, key, None);
        true
    }
}
