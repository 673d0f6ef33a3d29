//! Jobs that failed for good, kept until an operator has them run again or drops them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use acequia_restraint::Holders;
use acequia_wire::client::Submit;
use acequia_wire::{JobId, QueueName};
use rustc_hash::FxHashMap;

use crate::config::Config;
use crate::ids::{ClientId, Ticket};
use crate::records::DeadLetter;

/// What a letter weighs beside its payload and its texts, in bytes.
const LETTER_BYTES: usize = 512;

impl DeadLetter {
    fn weight(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        let Submit { payload, key, batch, .. } = &*self.spec;
        let why = self.code.as_str().len() + self.message.len();
        LETTER_BYTES + payload.bytes().len() + text(key) + text(batch) + why
    }

    /// Whether it may be kept at all, were it the only one.
    pub(crate) fn fits(&self, config: &Config) -> bool {
        config.dead_letters > 0 && self.weight() <= config.dead_letters_bytes
    }
}

/// All dead letters, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    all: BTreeMap<Ticket, Arc<DeadLetter>>,
    /// The server makes the ids of jobs, so a quick hasher is safe.
    by_job: FxHashMap<JobId, Ticket>,
    by_queue: BTreeMap<QueueName, BTreeSet<Ticket>>,
    /// Who has how many, and which.
    holders: Holders<ClientId, BTreeSet<Ticket>>,
    bytes: usize,
}

impl DeadLetters {
    pub(crate) fn get(&self, job: JobId) -> Option<&Arc<DeadLetter>> {
        self.all.get(self.by_job.get(&job)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn len_of(&self, queue: &QueueName) -> usize {
        self.by_queue.get(queue).map_or(0, BTreeSet::len)
    }

    /// How many each queue has, of those that have any.
    pub(crate) fn by_queue(&self) -> impl Iterator<Item = (&QueueName, usize)> {
        self.by_queue.iter().map(|(queue, letters)| (queue, letters.len()))
    }

    /// Those in `range`, of one queue or of all.
    pub(crate) fn range(
        &self,
        queue: Option<&str>,
        range: impl RangeBounds<Ticket>,
    ) -> impl DoubleEndedIterator<Item = &Arc<DeadLetter>> {
        let range: (Bound<Ticket>, Bound<Ticket>) =
            (range.start_bound().cloned(), range.end_bound().cloned());
        let of_all = queue.is_none().then(|| self.all.range(range).map(|(_, letter)| letter));
        let of_queue = queue.and_then(|queue| self.by_queue.get(queue));
        let of_queue = of_queue.map(|tickets| tickets.range(range).map(|at| &self.all[at]));
        of_all.into_iter().flatten().chain(of_queue.into_iter().flatten())
    }

    pub(crate) fn insert(&mut self, letter: Arc<DeadLetter>) {
        let holder = self.holders.add(letter.client, letter.weight(), letter.ticket.0);
        self.holders[holder].insert(letter.ticket);
        self.bytes += letter.weight();
        self.by_job.insert(letter.job, letter.ticket);
        self.by_queue.entry(letter.spec.queue.clone()).or_default().insert(letter.ticket);
        self.all.insert(letter.ticket, letter);
    }

    pub(crate) fn remove(&mut self, job: JobId) -> Option<Arc<DeadLetter>> {
        let ticket = self.by_job.remove(&job)?;
        let letter = self.all.remove(&ticket)?;
        self.bytes -= letter.weight();
        if let Some(holder) = self.holders.find(letter.client) {
            self.holders[holder].remove(&ticket);
            let oldest = self.holders[holder].first().map(|ticket| ticket.0);
            self.holders.remove(holder, letter.weight(), oldest);
        }
        if let Some(of_queue) = self.by_queue.get_mut(&letter.spec.queue) {
            of_queue.remove(&ticket);
            if of_queue.is_empty() {
                self.by_queue.remove(&letter.spec.queue);
            }
        }
        Some(letter)
    }

    /// Takes out the oldest of the client that has most, if there are more than may be kept.
    pub(crate) fn pop_over(&mut self, config: &Config) -> Option<Arc<DeadLetter>> {
        let holder = if self.all.len() > config.dead_letters {
            self.holders.most()
        } else if self.bytes > config.dead_letters_bytes {
            self.holders.most_bytes()
        } else {
            None
        };
        let oldest = self.holders[holder?].first()?;
        self.remove(self.all[oldest].job)
    }
}

#[cfg(test)]
impl DeadLetters {
    pub(crate) fn assert_consistent(&self, config: &Config) {
        assert_eq!(self.bytes, self.all.values().map(|letter| letter.weight()).sum::<usize>());
        assert!(self.len() <= config.dead_letters && self.bytes <= config.dead_letters_bytes);
        assert_eq!(self.by_job.len(), self.len());
        assert_eq!(self.by_queue().map(|(_, letters)| letters).sum::<usize>(), self.len());
        assert!(self.by_queue().all(|(_, letters)| letters > 0));
        for (ticket, letter) in &self.all {
            assert_eq!((*ticket, self.by_job[&letter.job]), (letter.ticket, letter.ticket));
            assert!(self.by_queue[&letter.spec.queue].contains(ticket));
        }
        let mut of_clients: BTreeMap<ClientId, (usize, usize)> = BTreeMap::new();
        for letter in self.all.values() {
            let (count, bytes) = of_clients.entry(letter.client).or_default();
            (*count, *bytes) = (*count + 1, *bytes + letter.weight());
            let holder = self.holders.find(letter.client).unwrap();
            assert!(self.holders[holder].contains(&letter.ticket));
        }
        let held = self.holders.iter().map(|(client, count, bytes)| (client, (count, bytes)));
        assert_eq!(of_clients, held.collect());
        assert!(self.all.values().is_sorted_by_key(|letter| letter.failed));
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.all.is_empty() && self.by_job.is_empty() && self.by_queue.is_empty());
        assert!(self.holders.is_empty() && self.bytes == 0);
    }
}
