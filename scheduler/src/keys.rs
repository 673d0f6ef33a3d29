//! Idempotency keys: the live job of each, and for a while the outcomes of those that have ended.

use std::collections::VecDeque;
use std::time::Duration;

use acequia_wire::JobId;
use acequia_wire::client::JobEvent;
use hashbrown::HashMap;

use crate::by_client::{ByClient, Named};
use crate::config::Config;
use crate::event::ClientId;
use crate::time::Time;

/// What a retained outcome weighs beside its result, message and key, in bytes.
const RETAINED_BYTES: usize = 256;

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyed {
    /// A live job, by its key in the slab.
    Live(usize),
    /// An outcome: which of all that were ever retained.
    Ended(u64),
}

/// The answer to a submit with a key.
pub(crate) enum Answer<'a> {
    /// This job is already on its way.
    Live(usize),
    /// The job has ended.
    Ended(JobId, &'a JobEvent),
}

#[derive(Debug)]
struct Retained {
    until: Time,
    key: Named,
    job: JobId,
    outcome: JobEvent,
    bytes: usize,
}

/// All keys. The outcomes are in the order in which they leave: they came in the order of time, and
/// all stay for as long.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    by_key: HashMap<Named, Keyed>,
    retained: VecDeque<Retained>,
    /// How many have left.
    left: u64,
    bytes: usize,
}

impl Keys {
    pub(crate) fn answer(&self, client: ClientId, key: &str) -> Option<Answer<'_>> {
        match *self.by_key.get(&ByClient(client, key))? {
            Keyed::Live(job) => Some(Answer::Live(job)),
            Keyed::Ended(nth) => {
                let retained = self.retained.get(usize::try_from(nth - self.left).ok()?)?;
                Some(Answer::Ended(retained.job, &retained.outcome))
            }
        }
    }

    /// A job with this key begins.
    pub(crate) fn begin(&mut self, client: ClientId, key: &str, job: usize) {
        self.by_key.insert((client, key.into()), Keyed::Live(job));
    }

    /// A job has ended, and its key is free.
    pub(crate) fn free(&mut self, client: ClientId, key: &str) {
        self.by_key.remove(&ByClient(client, key));
    }

    /// A job ended at `ended`; from now on its outcome is the answer.
    pub(crate) fn retain(
        &mut self,
        key: Named,
        job: JobId,
        outcome: JobEvent,
        ended: Time,
        config: &Config,
    ) {
        let bytes = RETAINED_BYTES + key.1.len() + outcome_bytes(&outcome);
        let nth = self.left + self.retained.len() as u64;
        self.by_key.insert(key.clone(), Keyed::Ended(nth));
        let until = ended + config.retention;
        self.retained.push_back(Retained { until, key, job, outcome, bytes });
        self.bytes += bytes;
        while self.retained.len() > config.retained_jobs || self.bytes > config.retained_bytes {
            self.leave();
        }
    }

    /// When the next outcome is to be forgotten.
    pub(crate) fn next(&self) -> Option<Time> {
        self.retained.front().map(|retained| retained.until)
    }

    /// Forgets the outcomes that have been kept long enough.
    pub(crate) fn expire(&mut self, now: Time) {
        while self.next().is_some_and(|until| until <= now) {
            self.leave();
        }
    }

    fn leave(&mut self) {
        if let Some(oldest) = self.retained.pop_front() {
            self.left += 1;
            self.bytes -= oldest.bytes;
            self.by_key.remove(&oldest.key);
        }
    }
}

fn outcome_bytes(outcome: &JobEvent) -> usize {
    match outcome {
        JobEvent::Done { result } => result.bytes().len(),
        JobEvent::Failed { code, message, .. } => code.as_str().len() + message.len(),
        _ => 0,
    }
}

/// An outcome in memory of its own. A cancelled job has none that anybody wanted.
pub(crate) fn worth_retaining(outcome: &JobEvent, retention: Duration) -> Option<JobEvent> {
    if retention.is_zero() {
        return None;
    }
    match outcome {
        JobEvent::Done { result } => Some(JobEvent::Done { result: result.detached() }),
        JobEvent::Failed { .. } => Some(outcome.clone()),
        _ => None,
    }
}

#[cfg(test)]
impl Keys {
    /// That keys, live jobs and outcomes agree.
    pub(crate) fn assert_consistent(
        &self,
        jobs: &slab::Slab<crate::job::Job>,
        client_of: impl Fn(usize) -> ClientId,
        config: &Config,
    ) {
        let keyed = |(at, job): (usize, &crate::job::Job)| {
            let key = job.spec.key.clone()?;
            Some(((client_of(job.client), key), Keyed::Live(at)))
        };
        let mut expected: HashMap<Named, Keyed> = jobs.iter().filter_map(keyed).collect();
        let ended = (self.left..).zip(&self.retained);
        expected.extend(ended.map(|(nth, of)| (of.key.clone(), Keyed::Ended(nth))));
        assert_eq!(self.by_key, expected);
        assert_eq!(self.bytes, self.retained.iter().map(|of| of.bytes).sum::<usize>());
        assert!(self.retained.len() <= config.retained_jobs && self.bytes <= config.retained_bytes);
        assert!(self.retained.iter().is_sorted_by_key(|of| of.until));
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.by_key.is_empty() && self.retained.is_empty() && self.bytes == 0);
    }
}
