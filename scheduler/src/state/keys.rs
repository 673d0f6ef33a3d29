//! Idempotency keys: which job answers to each, live or ended.

use hashbrown::HashMap;

use crate::ids::ClientId;
use crate::state::by_client::{ByClient, Named};

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyed {
    /// A live job, by its key in the slab.
    Live(usize),
    /// An outcome, by its key among those that are kept.
    Ended(usize),
}

/// All keys. They are the clients' choice, so the hasher is one that cannot be played against.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<Named, Keyed>);

impl Keys {
    pub(crate) fn answer(&self, client: ClientId, key: &str) -> Option<Keyed> {
        self.0.get(&ByClient(client, key)).copied()
    }

    /// From now on this answers to the key. Returns what did so before.
    pub(crate) fn set(&mut self, client: ClientId, key: &str, to: Keyed) -> Option<Keyed> {
        self.0.insert((client, key.into()), to)
    }

    /// What answered to the key does so no longer. The key may be another's by now.
    pub(crate) fn free(&mut self, client: ClientId, key: &str, from: Keyed) {
        if self.answer(client, key) == Some(from) {
            self.0.remove(&ByClient(client, key));
        }
    }
}

#[cfg(test)]
impl Keys {
    /// That keys, live jobs and outcomes agree.
    pub(crate) fn assert_consistent(
        &self,
        jobs: &crate::state::chunks::Chunks<crate::state::job::Job>,
        client_of: impl Fn(usize) -> ClientId,
        outcomes: &crate::state::outcomes::Outcomes,
    ) {
        let mut expected: HashMap<Named, Keyed> = HashMap::new();
        for (at, retained) in outcomes.iter() {
            if let Some(key) = &retained.key {
                let old = expected.insert((retained.client, key.clone()), Keyed::Ended(at));
                assert_eq!(old, None);
            }
        }
        for (at, job) in jobs.iter() {
            if let Some(key) = job.key() {
                let old = expected.insert((client_of(job.client()), key.into()), Keyed::Live(at));
                assert_eq!(old, None);
            }
        }
        assert_eq!(self.0, expected);
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.0.is_empty());
    }
}
