//! The live jobs that one session is told about, by what it calls them.

use std::hash::BuildHasher as _;

use acequia_wire::CorrelationId;
use hashbrown::{HashMap, HashTable};

use crate::state::chunks::Chunks;
use crate::state::job::Job;
use crate::state::list::index;

/// The jobs of one session. Its ids are the client's choice, so the hasher is one that cannot be
/// played against.
#[derive(Debug, Default)]
pub(crate) struct SessionJobs {
    /// Those that it began. The job itself has the id, so that a job costs only some bytes here.
    begun: HashTable<u32>,
    /// Those that another submit began and that it watches by their key.
    joined: HashMap<CorrelationId, usize>,
}

impl SessionJobs {
    fn hash(&self, id: &CorrelationId) -> u64 {
        self.joined.hasher().hash_one(id)
    }

    pub(crate) fn find(&self, jobs: &Chunks<Job>, id: &CorrelationId) -> Option<usize> {
        let is_it = |key: &u32| jobs[*key as usize].watchers.began_as() == id;
        let begun = self.begun.find(self.hash(id), is_it).map(|key| *key as usize);
        begun.or_else(|| self.joined.get(id).copied())
    }

    /// Adds a job that this session began.
    pub(crate) fn begin(&mut self, jobs: &Chunks<Job>, key: usize) {
        let hasher = self.joined.hasher();
        let hash = |key: &u32| hasher.hash_one(jobs[*key as usize].watchers.began_as());
        self.begun.insert_unique(hash(&index(key)), index(key), hash);
    }

    /// Adds a job that it watches and did not begin.
    pub(crate) fn join(&mut self, id: &CorrelationId, key: usize) {
        self.joined.insert(id.clone(), key);
    }

    /// Takes out what this session calls `id`, the job of this key, which may have left the slab.
    pub(crate) fn remove(&mut self, id: &CorrelationId, key: usize) {
        // The same job may be here under several ids, but only once among those that it began.
        if self.joined.remove(id).is_none()
            && let Ok(entry) = self.begun.find_entry(self.hash(id), |at| *at == index(key))
        {
            entry.remove();
        }
    }

    /// All of them, each once and in order: what follows must not depend on the whims of a map.
    pub(crate) fn keys(&self) -> Vec<usize> {
        let begun = self.begun.iter().map(|key| *key as usize);
        let mut keys: Vec<usize> = begun.chain(self.joined.values().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
impl SessionJobs {
    pub(crate) fn len(&self) -> usize {
        self.begun.len() + self.joined.len()
    }
}
