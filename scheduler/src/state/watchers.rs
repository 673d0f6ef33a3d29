//! Who is told about a job: the submit that began it, those that named the same key since, and those
//! that only look on.

use acequia_wire::CorrelationId;
use acequia_wire::client::{OnDisconnect, Submit};

use crate::ids::SessionId;

/// One submit that is told about a job, or one that looks on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watcher<'a> {
    /// What this one calls the job.
    pub(crate) id: &'a CorrelationId,
    pub(crate) at: Place,
}

/// Where a watcher is, and what it wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) session: SessionId,
    /// What becomes of the job when its client is gone; `None` of one that only looks on, whose going
    /// changes nothing.
    pub(crate) on_disconnect: Option<OnDisconnect>,
}

impl Place {
    /// That of somebody who only looks on.
    pub(crate) fn looking_on(session: SessionId) -> Self {
        Self { session, on_disconnect: None }
    }

    /// Whether it only looks on.
    pub(crate) fn looks_on(&self) -> bool {
        self.on_disconnect.is_none()
    }
}

impl<'a> Watcher<'a> {
    /// Whoever has submitted this in this session.
    pub(crate) fn of(session: SessionId, spec: &'a Submit) -> Self {
        Self { id: &spec.id, at: Place { session, on_disconnect: Some(spec.on_disconnect) } }
    }
}

/// All that are told about one job: nearly always one, so that one takes no allocation. Nobody, if
/// their sessions are over. The one that began the job never only looks on.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// What the submit that began the job called it, be it told or not.
    began_as: CorrelationId,
    /// Where that submit is told.
    began_at: Option<Place>,
    /// There if there is any.
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others(Vec<(CorrelationId, Place)>);

impl Watchers {
    /// The watcher that begins the job.
    pub(crate) fn one(watcher: Watcher<'_>) -> Self {
        Self { began_at: Some(watcher.at), ..Self::none(watcher.id) }
    }

    /// Nobody, of a job that was begun under this id.
    pub(crate) fn none(began_as: &CorrelationId) -> Self {
        Self { began_as: began_as.clone(), began_at: None, others: None }
    }

    pub(crate) fn began_as(&self) -> &CorrelationId {
        &self.began_as
    }

    /// The session that began the job, if it is still told.
    pub(crate) fn began_in(&self) -> Option<SessionId> {
        self.began_at.map(|at| at.session)
    }

    /// The submit that began the job is said again where it is not told: it is from now on. Returns
    /// whether this is that one.
    pub(crate) fn begin_again(&mut self, watcher: Watcher<'_>) -> bool {
        let is_it = self.began_at.is_none() && self.began_as == *watcher.id;
        if is_it {
            self.began_at = Some(watcher.at);
        }
        is_it
    }

    pub(crate) fn len(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| others.0.len());
        usize::from(self.began_at.is_some()) + others
    }

    /// Those that do not only look on.
    pub(crate) fn submits(&self) -> impl Iterator<Item = Watcher<'_>> {
        self.iter().filter(|watcher| !watcher.at.looks_on())
    }

    /// How many live jobs of its client a job with these watchers counts as.
    pub(crate) fn count_as_jobs(&self) -> usize {
        self.submits().count().max(1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Watcher<'_>> {
        let first = self.began_at.map(|at| Watcher { id: &self.began_as, at });
        let others = self.others.iter().flat_map(|others| &others.0);
        first.into_iter().chain(others.map(|(id, at)| Watcher { id, at: *at }))
    }

    pub(crate) fn add(&mut self, watcher: Watcher<'_>) {
        let others = self.others.get_or_insert_default();
        others.0.push((watcher.id.clone(), watcher.at));
    }

    /// Takes out those for which `leaves` is true.
    pub(crate) fn remove(&mut self, leaves: impl Fn(Watcher<'_>) -> bool) {
        if let Some(others) = &mut self.others {
            others.0.retain(|(id, at)| !leaves(Watcher { id, at: *at }));
            if others.0.is_empty() {
                self.others = None;
            }
        }
        if self.began_at.is_some_and(|at| leaves(Watcher { id: &self.began_as, at })) {
            self.began_at = None;
        }
    }
}
