//! Who is told about a job: the submit that began it, and those that named the same key since.

use acequia_wire::CorrelationId;
use acequia_wire::client::OnDisconnect;

use crate::event::SessionId;

/// One submit that is told about a job.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    pub(crate) session: SessionId,
    /// What this one calls the job.
    pub(crate) id: CorrelationId,
    pub(crate) on_disconnect: OnDisconnect,
}

/// All that are told about one job: nearly always one, so that one takes no allocation. Nobody, if
/// their sessions are over.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    /// There if there is any.
    first: Option<Watcher>,
    others: Vec<Watcher>,
}

impl Watchers {
    pub(crate) fn one(watcher: Watcher) -> Self {
        Self { first: Some(watcher), others: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// How many live jobs of its client a job with these watchers counts as.
    pub(crate) fn count_as_jobs(&self) -> usize {
        self.len().max(1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Watcher> {
        self.first.iter().chain(&self.others)
    }

    pub(crate) fn add(&mut self, watcher: Watcher) {
        match &self.first {
            None => self.first = Some(watcher),
            Some(_) => self.others.push(watcher),
        }
    }

    /// Takes out those for which `leaves` is true.
    pub(crate) fn remove(&mut self, leaves: impl Fn(&Watcher) -> bool) {
        self.others.retain(|watcher| !leaves(watcher));
        if self.first.as_ref().is_some_and(leaves) {
            self.first = (!self.others.is_empty()).then(|| self.others.remove(0));
        }
    }
}
