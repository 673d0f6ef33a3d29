//! The live jobs by their ids.

use std::hash::BuildHasher as _;

use acequia_wire::JobId;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::state::chunks::Chunks;
use crate::state::job::Job;
use crate::state::list::index;

/// The live jobs by id, as keys of the slab that holds them: the ids themselves stand there, so
/// that a job costs only some bytes here.
#[derive(Debug, Default)]
pub(crate) struct ById(HashTable<u32>);

/// The server makes the ids of jobs, so a quick hasher is safe.
fn hash(id: JobId) -> u64 {
    FxBuildHasher.hash_one(id)
}

impl ById {
    /// Adds the job of this key, which is in the slab.
    pub(crate) fn insert(&mut self, jobs: &Chunks<Job>, key: usize) {
        let rehash = |key: &u32| hash(jobs[*key as usize].id);
        self.0.insert_unique(hash(jobs[key].id), index(key), rehash);
    }

    /// Takes out the job of this key, which may have left the slab.
    pub(crate) fn remove(&mut self, id: JobId, key: usize) {
        if let Ok(entry) = self.0.find_entry(hash(id), |at| *at == index(key)) {
            entry.remove();
        }
    }

    pub(crate) fn find(&self, jobs: &Chunks<Job>, id: JobId) -> Option<usize> {
        let is_it = |key: &u32| jobs[*key as usize].id == id;
        self.0.find(hash(id), is_it).map(|key| *key as usize)
    }
}

#[cfg(test)]
impl ById {
    pub(crate) fn assert_consistent(&self, jobs: &Chunks<Job>) {
        assert_eq!(self.0.len(), jobs.len());
        assert!(jobs.iter().all(|(key, job)| self.find(jobs, job.id) == Some(key)));
    }
}
