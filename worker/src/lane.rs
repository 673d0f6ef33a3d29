//! A lane as this side sees it: what the server gave it, and the jobs that it holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acequia_wire::worker::Hello;
use acequia_wire::{JobId, LaneId};
use tokio::sync::{Notify, mpsc};

use crate::Job;
use crate::outbox::Outgoing;

/// One lane, from its `hello` to its end.
///
/// A job is held from the moment it is read until its handler's result is handed to the sender.
/// Once the lane is void it holds nothing and takes nothing, so whatever a handler of it still
/// returns is dropped by itself.
pub(crate) struct Lane {
    id: LaneId,
    max_body: usize,
    outbox: mpsc::Sender<Outgoing>,
    held: Mutex<HashMap<JobId, Job>>,
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
    pub(crate) fn new(hello: &Hello, outbox: mpsc::Sender<Outgoing>) -> Self {
        Self {
            id: hello.lane,
            max_body: usize::try_from(hello.max_body).unwrap_or(usize::MAX),
            outbox,
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

    pub(crate) fn outbox(&self) -> &mpsc::Sender<Outgoing> {
        &self.outbox
    }

    /// Takes a job in. False if it is held already: then the server said it twice.
    pub(crate) fn hold(&self, job: &Job) -> bool {
        let mut held = self.held();
        let vacant = !held.contains_key(&job.id());
        if vacant {
            held.insert(job.id(), job.clone());
        }
        vacant
    }

    /// Lets a job go. False if the lane no longer holds it: then its result is for nobody.
    pub(crate) fn release(&self, job: &Job) -> bool {
        self.held().remove(&job.id()).is_some()
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

    fn held(&self) -> MutexGuard<'_, HashMap<JobId, Job>> {
        // Nothing under this lock can leave the map half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
