//! Batches: jobs of one client under one name, what became of those that have ended, and whom it
//! concerns.

use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;

use crate::ids::{ClientId, SessionId};
use crate::outcome::Outcome;
use crate::records::Tally;
use crate::state::by_client::{ByClient, Named};
use crate::time::Time;

/// A batch, as long as a job of it is live.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) tally: Tally,
    live: usize,
    /// The journal has a tally of it.
    pub(crate) is_recorded: bool,
}

/// All batches by client and name. The names are the clients' choice, so the hasher is one that
/// cannot be played against.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    batches: Slab<Batch>,
    by_name: HashMap<Named<Arc<str>>, usize>,
}

/// A batch after one of its jobs has ended.
pub(crate) enum After {
    /// Others are live.
    GoesOn(Tally),
    /// That was the last.
    IsOver(Batch),
}

impl Batches {
    /// A job that was submitted at `submitted` joins the batch of this name.
    pub(crate) fn join(&mut self, client: ClientId, name: &str, submitted: Time) -> usize {
        let batch = self.find(client, name).unwrap_or_else(|| {
            let (name, sessions): (Arc<str>, _) = (name.into(), Arc::default());
            let of_name = (client, name.clone());
            let tally = Tally { client, name, began: submitted, ended: [0; 3], sessions };
            let batch = self.batches.insert(Batch { tally, live: 0, is_recorded: false });
            self.by_name.insert(of_name, batch);
            batch
        });
        self.batches[batch].live += 1;
        batch
    }

    /// The batch of this name, if a job of it is live.
    pub(crate) fn find(&self, client: ClientId, name: &str) -> Option<usize> {
        self.by_name.get(&ByClient(client, name)).copied()
    }

    pub(crate) fn name_of(&self, batch: usize) -> &str {
        &self.batches[batch].tally.name
    }

    /// What became of a batch before a restart. Returns it, if a job of it is live.
    pub(crate) fn take_up(&mut self, before: &Tally) -> Option<usize> {
        let batch = self.find(before.client, &before.name)?;
        let Batch { tally, is_recorded, .. } = &mut self.batches[batch];
        *is_recorded = true;
        tally.began = tally.began.min(before.began);
        for (ended, before) in tally.ended.iter_mut().zip(before.ended) {
            *ended = ended.saturating_add(before);
        }
        Some(batch)
    }

    /// A session submits to the batch.
    pub(crate) fn attend(&mut self, batch: usize, session: SessionId) {
        Arc::make_mut(&mut self.batches[batch].tally.sessions).insert(session);
    }

    /// A session is over.
    pub(crate) fn leave(&mut self, batch: usize, session: SessionId) {
        Arc::make_mut(&mut self.batches[batch].tally.sessions).remove(&session);
    }

    /// A job of the batch has ended.
    pub(crate) fn job_ends(&mut self, batch: usize, outcome: Outcome) -> After {
        let of = &mut self.batches[batch];
        of.live -= 1;
        let ended = &mut of.tally.ended[outcome as usize];
        *ended = ended.saturating_add(1);
        if of.live > 0 {
            of.is_recorded = true;
            return After::GoesOn(of.tally.clone());
        }
        let over = self.batches.remove(batch);
        self.by_name.remove(&ByClient(over.tally.client, &over.tally.name));
        After::IsOver(over)
    }
}

#[cfg(test)]
impl Batches {
    /// That names, counts and sessions agree.
    pub(crate) fn assert_consistent(
        &self,
        jobs: &crate::state::chunks::Chunks<crate::state::job::Job>,
        attends: impl Fn(SessionId, usize) -> bool,
    ) {
        assert_eq!(self.batches.len(), self.by_name.len());
        for (key, batch) in &self.batches {
            assert_eq!(self.find(batch.tally.client, &batch.tally.name), Some(key));
            let live = jobs.iter().filter(|(_, job)| job.batch() == Some(key));
            assert_eq!(batch.live, live.count());
            assert!(batch.live > 0, "{:?} is kept for nothing", batch.tally);
            assert!(batch.tally.sessions.iter().all(|session| attends(*session, key)));
        }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.batches.iter().map(|(_, batch)| batch.tally.sessions.len()).sum()
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.batches.is_empty() && self.by_name.is_empty());
    }
}
