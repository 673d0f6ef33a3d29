//! A lane as this side sees it: what the server gave it, and the jobs that it holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acequia_wire::worker::Hello;
use acequia_wire::{JobId, LaneId};
use tokio::sync::Notify;

use crate::signal::Signal;

/// A job as its lane sees it: somebody to be told.
pub(crate) trait Held: Send + Sync {
    /// The word to its handler.
    fn signal(&self) -> &Signal;
}

/// One lane, from its `hello` to its end.
///
/// A job is held from the moment it is read until its handler's result is handed to the sender.
/// Once the lane is void it holds nothing and takes nothing, so whatever a handler of it still
/// returns is dropped by itself.
pub(crate) struct Lane {
    id: LaneId,
    max_body: usize,
    held: Mutex<HashMap<JobId, Arc<dyn Held>>>,
    /// Told whenever the lane has come to hold nothing.
    idle: Notify,
    /// Jobs that are about to end.
    soon: AtomicUsize,
}

/// Some jobs of a lane that are about to end, until this is dropped.
pub(crate) struct Soon {
    lane: Arc<Lane>,
    jobs: usize,
}

impl Soon {
    pub(crate) fn new(lane: Arc<Lane>, jobs: usize) -> Self {
        lane.soon.fetch_add(jobs, Ordering::Relaxed);
        Self { lane, jobs }
    }
}

impl Drop for Soon {
    fn drop(&mut self) {
        self.lane.soon.fetch_sub(self.jobs, Ordering::Relaxed);
    }
}

impl Lane {
    pub(crate) fn new(hello: &Hello) -> Self {
        Self {
            id: hello.lane,
            max_body: usize::try_from(hello.max_body).unwrap_or(usize::MAX),
            held: Mutex::default(),
            idle: Notify::new(),
            soon: AtomicUsize::new(0),
        }
    }

    pub(crate) fn id(&self) -> LaneId {
        self.id
    }

    pub(crate) fn max_body(&self) -> usize {
        self.max_body
    }

    /// Takes a job in. False if it is held already: then the server said it twice.
    pub(crate) fn hold(&self, id: JobId, job: Arc<dyn Held>) -> bool {
        match self.held().entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(job);
                true
            }
        }
    }

    /// Lets a job go. False if the lane no longer holds it: then its result is for nobody.
    pub(crate) fn release(&self, job: JobId) -> bool {
        self.held().remove(&job).is_some()
    }

    /// To be called after a release, and after what was released is on its way.
    pub(crate) fn note_idle(&self) {
        if self.is_idle() {
            self.idle.notify_one();
        }
    }

    /// Whether more results are about to come, so that it pays to let them come.
    pub(crate) fn expects_more(&self) -> bool {
        self.soon.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.held().is_empty()
    }

    /// Resolves after the lane has come to hold nothing. It may by then hold something again.
    pub(crate) async fn idle(&self) {
        self.idle.notified().await;
    }

    pub(crate) fn cancel(&self, job: JobId) {
        if let Some(job) = self.held().get(&job) {
            job.signal().cancel();
        }
    }

    /// Lets go of everything and tells the handlers.
    pub(crate) fn void(&self) {
        let held = std::mem::take(&mut *self.held());
        for job in held.values() {
            job.signal().void();
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<JobId, Arc<dyn Held>>> {
        // Nothing under this lock can leave the map half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
