//! Batches: jobs of one client under one name, and who is told when the last of them has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use acequia_wire::client::{Batch as Summary, Event as ClientEvent};
use hashbrown::HashMap;
use slab::Slab;

use crate::action::Outcome;
use crate::by_client::{ByClient, Named};
use crate::event::{ClientId, SessionId};
use crate::scheduler::{Scheduler, Step};
use crate::time::Time;

/// A batch, as long as a job of it is live.
#[derive(Debug)]
struct Batch {
    name: Named,
    /// Those that submitted to it and are not over.
    sessions: BTreeSet<SessionId>,
    live: usize,
    began: Time,
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

    /// A session is over.
    pub(crate) fn leave(&mut self, batch: usize, session: SessionId) {
        self.batches[batch].sessions.remove(&session);
    }

    /// A job of the batch has ended. Returns the batch if it was the last live one.
    fn job_ends(&mut self, batch: usize, outcome: Outcome) -> Option<Batch> {
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

impl Scheduler {
    /// A session has submitted to a batch and will be told of its end.
    pub(crate) fn attend(&mut self, session: SessionId, batch: usize) {
        if let Some(open) = self.clients.session(session) {
            open.batches.insert(batch);
            self.batches.batches[batch].sessions.insert(session);
        }
    }

    /// A job of a batch has ended; if it was the last live one, so has the batch.
    pub(crate) fn end_in_batch(&mut self, step: &mut Step<'_>, batch: usize, outcome: Outcome) {
        let Some(over) = self.batches.job_ends(batch, outcome) else { return };
        let summary = over.summary(step.now - over.began);
        for session in over.sessions {
            if let Some(open) = self.clients.session(session) {
                open.batches.remove(&batch);
            }
            step.tell(session, ClientEvent::Batch(Box::new(summary.clone())));
        }
    }
}

impl Batch {
    fn summary(&self, elapsed: Duration) -> Summary {
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
        jobs: &crate::chunks::Chunks<crate::job::Job>,
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
