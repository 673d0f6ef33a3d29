//! What became of jobs, kept for a while for whoever asks later.

use std::collections::VecDeque;
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::JobEvent;
use rustc_hash::FxHashMap;

use crate::config::Config;
use crate::event::{ClientId, Retained};
use crate::keys::Keyed;
use crate::scheduler::{Scheduler, Step};
use crate::time::Time;

/// What an outcome weighs beside its result, message and key, in bytes.
const OUTCOME_BYTES: usize = 256;

/// All outcomes that are kept, in the order in which they leave: they came in the order of time,
/// and all stay for as long.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    all: VecDeque<Arc<Retained>>,
    /// How many have left.
    left: u64,
    /// Which of all that were ever kept. The server makes the ids of jobs, so a quick hasher is
    /// safe.
    by_job: FxHashMap<JobId, u64>,
    bytes: usize,
}

impl Outcomes {
    pub(crate) fn get(&self, nth: u64) -> Option<&Arc<Retained>> {
        self.all.get(usize::try_from(nth.checked_sub(self.left)?).ok()?)
    }

    pub(crate) fn of_job(&self, job: JobId) -> Option<&Arc<Retained>> {
        self.get(*self.by_job.get(&job)?)
    }

    /// When the next one is to be forgotten.
    pub(crate) fn next(&self, config: &Config) -> Option<Time> {
        self.all.front().map(|oldest| oldest.ended + config.retention)
    }

    /// Returns which of all that were ever kept it is.
    fn push(&mut self, retained: Arc<Retained>) -> u64 {
        let nth = self.left + self.all.len() as u64;
        self.bytes += weight(&retained);
        self.by_job.insert(retained.job, nth);
        self.all.push_back(retained);
        nth
    }

    /// An outcome answers to its key no longer.
    fn take_key(&mut self, nth: u64) {
        let at = nth.checked_sub(self.left).and_then(|at| usize::try_from(at).ok());
        let Some(retained) = at.and_then(|at| self.all.get_mut(at)) else { return };
        self.bytes -= weight(retained);
        Arc::make_mut(retained).key = None;
        self.bytes += weight(retained);
    }

    fn is_over(&self, config: &Config) -> bool {
        self.all.len() > config.retained_jobs || self.bytes > config.retained_bytes
    }

    fn pop(&mut self) -> Option<(u64, Arc<Retained>)> {
        let oldest = self.all.pop_front()?;
        let nth = self.left;
        self.left += 1;
        self.bytes -= weight(&oldest);
        self.by_job.remove(&oldest.job);
        Some((nth, oldest))
    }
}

fn weight(retained: &Retained) -> usize {
    let outcome = match &retained.outcome {
        JobEvent::Done { result } => result.bytes().len(),
        JobEvent::Failed { code, message, .. } => code.as_str().len() + message.len(),
        _ => 0,
    };
    OUTCOME_BYTES + retained.key.as_deref().map_or(0, str::len) + outcome
}

impl Scheduler {
    /// Keeps the outcome of a job of which somebody may ask: one that was accepted, was redriven or has a
    /// key. The key answers with it, unless the job was cancelled: nobody wanted that outcome.
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
        if !(job.accepted || job.redriven || name.is_some()) || self.config.retention.is_zero() {
            return None;
        }
        let outcome = match outcome {
            JobEvent::Done { result } => JobEvent::Done { result: result.detached() },
            other => other.clone(),
        };
        let (id, session) = (job.watchers.began_as().clone(), job.watchers.began_in());
        let (key, ended) = (name.map(Box::from), step.now);
        let traceparent = self.traceparent(job);
        let job = job.id;
        let retained = Retained { job, client, session, id, key, ended, outcome, traceparent };
        let retained = Arc::new(retained);
        self.keep(retained.clone());
        Some(retained)
    }

    pub(crate) fn keep(&mut self, retained: Arc<Retained>) {
        let nth = self.outcomes.push(retained.clone());
        if let Some(key) = &retained.key {
            self.claim_key(retained.client, key, Keyed::Ended(nth));
        }
        while self.outcomes.is_over(&self.config) {
            self.forget_oldest();
        }
    }

    /// From now on this answers to a key of a client, and the outcome that did so before, if there
    /// is one, no longer does.
    pub(crate) fn claim_key(&mut self, client: ClientId, key: &str, by: Keyed) {
        if let Some(Keyed::Ended(nth)) = self.keys.set(client, key, by) {
            self.outcomes.take_key(nth);
        }
    }

    pub(crate) fn expire_outcomes(&mut self, now: Time) {
        while self.outcomes.next(&self.config).is_some_and(|until| until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((nth, oldest)) = self.outcomes.pop()
            && let Some(key) = &oldest.key
        {
            self.keys.free(oldest.client, key, Keyed::Ended(nth));
        }
    }
}

#[cfg(test)]
impl Outcomes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Retained>)> {
        (self.left..).zip(&self.all)
    }

    pub(crate) fn assert_consistent(&self, config: &Config) {
        assert_eq!(self.bytes, self.all.iter().map(|of| weight(of)).sum::<usize>());
        assert_eq!(self.by_job.len(), self.all.len());
        assert!(self.iter().all(|(nth, of)| self.by_job[&of.job] == nth));
        assert!(!self.is_over(config));
        assert!(self.all.iter().is_sorted_by_key(|of| of.ended));
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.all.is_empty() && self.by_job.is_empty() && self.bytes == 0);
    }
}
