//! Batches: jobs of one client under one name, what became of those that have ended, and whom it concerns.

use std::collections::BTreeSet;
use std::time::Duration;

use acequia_wire::client::Batch as Summary;
use hashbrown::HashMap;
use slab::Slab;

use crate::ids::{ClientId, SessionId};
use crate::outcome::Outcome;
use crate::state::by_client::{ByClient, Named};
use crate::time::Time;

/// A batch, as long as a job of it is live.
#[derive(Debug)]
pub(crate) struct Batch {
    name: Named,
    /// Those that submitted to it and are not over.
    pub(crate) sessions: BTreeSet<SessionId>,
    live: usize,
    pub(crate) began: Time,
    /// What became of those that have ended, in the order of [`Outcome::ALL`].
    ended: [u32; Outcome::ALL.len()],
}

/// All batches by client and name. The names are the clients' choice, so the hasher is one that
/// cannot be played against.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    batches: Slab<Batch>,
    by_name: HashMap<Named, usize>,
}

impl Batches {
    /// A job that was submitted at `submitted` joins the batch of this name.
    pub(crate) fn join(&mut self, client: ClientId, name: &str, submitted: Time) -> usize {
        let known = self.by_name.get(&ByClient(client, name)).copied();
        let batch = known.unwrap_or_else(|| {
            let name: Named = (client, name.into());
            let (sessions, ended) = (BTreeSet::new(), [0; 3]);
            let began = submitted;
            let batch = Batch { name: name.clone(), sessions, live: 0, began, ended };
            let batch = self.batches.insert(batch);
            self.by_name.insert(name, batch);
            batch
        });
        self.batches[batch].live += 1;
        batch
    }

    pub(crate) fn name_of(&self, batch: usize) -> &str {
        &self.batches[batch].name.1
    }

    /// A session submits to the batch.
    pub(crate) fn attend(&mut self, batch: usize, session: SessionId) {
        self.batches[batch].sessions.insert(session);
    }

    /// A session is over.
    pub(crate) fn leave(&mut self, batch: usize, session: SessionId) {
        self.batches[batch].sessions.remove(&session);
    }

    /// A job of the batch has ended. Returns the batch if it was the last live one.
    pub(crate) fn job_ends(&mut self, batch: usize, outcome: Outcome) -> Option<Batch> {
        let of = &mut self.batches[batch];
        of.live -= 1;
        let ended = &mut of.ended[outcome as usize];
        *ended = ended.saturating_add(1);
        if of.live > 0 {
            return None;
        }
        let over = self.batches.remove(batch);
        self.by_name.remove(&over.name);
        Some(over)
    }
}

impl Batch {
    /// What is told of it, after so long.
    pub(crate) fn summary(&self, elapsed: Duration) -> Summary {
        let of = |outcome: Outcome| self.ended[outcome as usize];
        let [done, failed, cancelled] = Outcome::ALL.map(of);
        Summary {
            name: self.name.1.clone(),
            jobs: done.saturating_add(failed).saturating_add(cancelled),
            done,
            failed,
            cancelled,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
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
            assert_eq!(self.by_name[&batch.name], key);
            let live = jobs.iter().filter(|(_, job)| job.batch() == Some(key));
            assert_eq!(batch.live, live.count());
            assert!(batch.live > 0, "{:?} is kept for nothing", batch.name);
            assert!(batch.sessions.iter().all(|session| attends(*session, key)));
        }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.batches.iter().map(|(_, batch)| batch.sessions.len()).sum()
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.batches.is_empty() && self.by_name.is_empty());
    }
}
