//! Outcomes are kept, answer to their keys, and are forgotten.

use std::sync::Arc;

use acequia_wire::client::JobEvent;

use crate::action::Action;
use crate::ids::ClientId;
use crate::records::{Past, Retained};
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::keys::Keyed;
use crate::time::Time;

impl Scheduler {
    /// Keeps the outcome of a job of which somebody may ask: one that was accepted, that whoever had it
    /// run may ask for in any case, or that has a key. The key answers with it, unless the job was
    /// cancelled: nobody wanted that outcome. And one of a batch, if submits are said again: its batch
    /// has counted it, and would again.
    pub(crate) fn retain(
        &mut self,
        step: &Step<'_>,
        key: usize,
        outcome: &JobEvent,
    ) -> Option<Arc<Retained>> {
        let job = &self.jobs[key];
        let client = self.clients.id_of(job.client());
        let name = job.key();
        if let Some(name) = name {
            self.keys.free(client, name, Keyed::Live(key));
        }
        let answers = !matches!(outcome, JobEvent::Cancelled);
        let name = name.filter(|_| answers);
        let is_counted = job.batch().is_some() && !self.config.adoption.is_zero();
        let is_kept = job.accepted || job.asked_for || name.is_some() || is_counted;
        if !is_kept || self.config.retention.is_zero() {
            return None;
        }
        let outcome = match outcome {
            JobEvent::Done { result } => JobEvent::Done { result: result.detached() },
            other => other.clone(),
        };
        let (id, session) = (job.watchers.began_as().clone(), job.watchers.began_in());
        let (key, ended) = (name.map(Box::from), step.now);
        let traceparent = self.traceparent(job);
        let queue = self.queues[job.queue()].name.clone();
        let past = Some(Past { queue, submitted: job.submitted, runs: job.runs });
        let job = job.id;
        let ticket = self.next_ticket();
        let retained =
            Retained { ticket, job, client, session, id, key, ended, outcome, traceparent, past };
        let retained = Arc::new(retained);
        self.keep(retained.clone());
        Some(retained)
    }

    /// Keeps an outcome, be there room or not; see [`give_up`](Self::give_up).
    pub(crate) fn keep(&mut self, retained: Arc<Retained>) {
        let at = self.outcomes.push(retained.clone());
        if let Some(key) = &retained.key {
            self.claim_key(retained.client, key, Keyed::Ended(at));
        }
    }

    /// The client with most outcomes gives way, if there are too many now. It comes after the last
    /// one is recorded, which may be among those that leave.
    pub(crate) fn give_up(&mut self, step: &mut Step<'_>) {
        while let Some((at, retained)) = self.outcomes.pop_over(&self.config) {
            self.forget(at, &retained);
            step.out.push(Action::GiveUp { retained });
        }
    }

    /// From now on this answers to a key of a client, and the outcome that did so before, if there
    /// is one, no longer does.
    pub(crate) fn claim_key(&mut self, client: ClientId, key: &str, by: Keyed) {
        if let Some(Keyed::Ended(at)) = self.keys.set(client, key, by) {
            self.outcomes.take_key(at);
        }
    }

    pub(crate) fn expire_outcomes(&mut self, now: Time) {
        while self.outcomes.next(&self.config).is_some_and(|until| until <= now) {
            if let Some((at, oldest)) = self.outcomes.pop() {
                self.forget(at, &oldest);
            }
        }
    }

    /// An outcome has left, which had this key among those that are kept.
    fn forget(&mut self, at: usize, left: &Retained) {
        if let Some(key) = &left.key {
            self.keys.free(left.client, key, Keyed::Ended(at));
        }
    }
}
