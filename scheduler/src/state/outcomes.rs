//! What became of jobs, kept for a while for whoever asks later.

use std::sync::Arc;

use acequia_restraint::Holders;
use acequia_wire::JobId;
use acequia_wire::client::JobEvent;
use rustc_hash::FxHashMap;

use crate::config::Config;
use crate::ids::ClientId;
use crate::records::Retained;
use crate::state::chunks::Chunks;
#[cfg(test)]
use crate::state::list::members;
use crate::state::list::{Links, List};
use crate::time::Time;

/// What an outcome weighs beside its result, message and key, in bytes.
const OUTCOME_BYTES: usize = 256;

/// An outcome, and its neighbours.
#[derive(Debug)]
struct Kept {
    retained: Arc<Retained>,
    /// Where its client is among those who hold outcomes.
    holder: usize,
    /// How many came before it.
    nth: u64,
    in_all: Links,
    of_client: Links,
}

impl Kept {
    fn in_all(&mut self) -> &mut Links {
        &mut self.in_all
    }

    fn of_client(&mut self) -> &mut Links {
        &mut self.of_client
    }
}

/// All outcomes that are kept. They came in the order of time and all may stay for as long; but
/// where there are too many, the client that has most of them gives way.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    all: Chunks<Kept>,
    /// All, the oldest first.
    by_age: List,
    /// How many ever came.
    came: u64,
    /// The server makes the ids of jobs, so a quick hasher is safe.
    by_job: FxHashMap<JobId, usize>,
    /// Who has how many, each with a list of them, the oldest first.
    holders: Holders<ClientId, List>,
    bytes: usize,
}

impl Outcomes {
    pub(crate) fn get(&self, key: usize) -> Option<&Arc<Retained>> {
        self.all.get(key).map(|kept| &kept.retained)
    }

    pub(crate) fn of_job(&self, job: JobId) -> Option<&Arc<Retained>> {
        self.get(*self.by_job.get(&job)?)
    }

    /// When the next one is to be forgotten.
    pub(crate) fn next(&self, config: &Config) -> Option<Time> {
        self.by_age.front().map(|oldest| self.all[oldest].retained.ended + config.retention)
    }

    /// Returns the key of the outcome, which is its own until it leaves.
    pub(crate) fn push(&mut self, retained: Arc<Retained>) -> usize {
        let (job, weight, nth) = (retained.job, weight(&retained), self.came);
        let holder = self.holders.add(retained.client, weight, nth);
        let (in_all, of_client) = (Links::default(), Links::default());
        let key = self.all.insert(Kept { retained, holder, nth, in_all, of_client });
        self.by_age.push_back(&mut self.all, key, Kept::in_all);
        self.holders[holder].push_back(&mut self.all, key, Kept::of_client);
        self.came += 1;
        self.bytes += weight;
        self.by_job.insert(job, key);
        key
    }

    /// An outcome answers to its key no longer.
    pub(crate) fn take_key(&mut self, key: usize) {
        let Some(Kept { retained, holder, .. }) = self.all.get_mut(key) else { return };
        let before = weight(retained);
        Arc::make_mut(retained).key = None;
        let after = weight(retained);
        self.bytes = self.bytes - before + after;
        self.holders.resize(*holder, before, after);
    }

    /// Takes out the oldest.
    pub(crate) fn pop(&mut self) -> Option<(usize, Arc<Retained>)> {
        self.by_age.front().map(|oldest| (oldest, self.remove(oldest)))
    }

    /// Takes out the oldest of the client that has most, if there are more than may be kept.
    pub(crate) fn pop_over(&mut self, config: &Config) -> Option<(usize, Arc<Retained>)> {
        let holder = if self.all.len() > config.retained_jobs {
            self.holders.most()
        } else if self.bytes > config.retained_bytes {
            self.holders.most_bytes()
        } else {
            None
        };
        let oldest = self.holders[holder?].front()?;
        Some((oldest, self.remove(oldest)))
    }

    fn remove(&mut self, key: usize) -> Arc<Retained> {
        let (holder, weight) = (self.all[key].holder, weight(&self.all[key].retained));
        self.by_age.remove(&mut self.all, key, Kept::in_all);
        self.holders[holder].remove(&mut self.all, key, Kept::of_client);
        let oldest = self.holders[holder].front().map(|oldest| self.all[oldest].nth);
        self.holders.remove(holder, weight, oldest);
        self.bytes -= weight;
        let retained = self.all.remove(key).retained;
        self.by_job.remove(&retained.job);
        retained
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
    /// All with their keys, in the order of those.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<Retained>)> {
        self.all.iter().map(|(key, kept)| (key, &kept.retained))
    }

    pub(crate) fn assert_consistent(&mut self, config: &Config) {
        use std::collections::BTreeMap;

        assert_eq!(self.bytes, self.iter().map(|(_, of)| weight(of)).sum::<usize>());
        assert_eq!(self.by_job.len(), self.all.len());
        assert!(self.iter().all(|(key, of)| self.by_job[&of.job] == key));
        assert!(self.all.len() <= config.retained_jobs && self.bytes <= config.retained_bytes);
        let mut of_clients: BTreeMap<ClientId, (usize, usize)> = BTreeMap::new();
        for (_, of) in self.iter() {
            let (count, bytes) = of_clients.entry(of.client).or_default();
            (*count, *bytes) = (*count + 1, *bytes + weight(of));
        }
        let held = self.holders.iter().map(|(client, count, bytes)| (client, (count, bytes)));
        assert_eq!(of_clients, held.collect());
        let by_age = members(&self.by_age, &mut self.all, Kept::in_all);
        let nth = |key: &usize| (self.all[*key].retained.ended, self.all[*key].nth);
        assert!(by_age.len() == self.all.len() && by_age.is_sorted_by_key(nth));
        for client in of_clients.keys() {
            let list = self.holders[self.holders.find(*client).unwrap()];
            let of_client = by_age.iter().filter(|key| self.all[**key].retained.client == *client);
            let of_client: Vec<usize> = of_client.copied().collect();
            assert_eq!(of_client, members(&list, &mut self.all, Kept::of_client));
        }
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.all.len() == 0 && self.by_job.is_empty() && self.bytes == 0);
        assert!(self.holders.is_empty() && self.by_age.is_empty());
    }
}
