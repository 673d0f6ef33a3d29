//! What became of jobs, kept for a while for whoever asks later.

use std::collections::VecDeque;
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::JobEvent;
use rustc_hash::FxHashMap;

use crate::config::Config;
use crate::records::Retained;
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
    pub(crate) fn push(&mut self, retained: Arc<Retained>) -> u64 {
        let nth = self.left + self.all.len() as u64;
        self.bytes += weight(&retained);
        self.by_job.insert(retained.job, nth);
        self.all.push_back(retained);
        nth
    }

    /// An outcome answers to its key no longer.
    pub(crate) fn take_key(&mut self, nth: u64) {
        let at = nth.checked_sub(self.left).and_then(|at| usize::try_from(at).ok());
        let Some(retained) = at.and_then(|at| self.all.get_mut(at)) else { return };
        self.bytes -= weight(retained);
        Arc::make_mut(retained).key = None;
        self.bytes += weight(retained);
    }

    pub(crate) fn is_over(&self, config: &Config) -> bool {
        self.all.len() > config.retained_jobs || self.bytes > config.retained_bytes
    }

    /// Takes out the oldest.
    pub(crate) fn pop(&mut self) -> Option<(u64, Arc<Retained>)> {
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
