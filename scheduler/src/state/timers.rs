//! What is due when. A job has at most one timer of each kind, a lane one for its lease.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::ids::{LaneKey, Ticket};
use crate::time::Time;

/// What happens when a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// A delayed job may run.
    Due,
    /// A job that has not started has expired.
    Expire,
    /// A run has taken too long.
    Timeout,
    /// Nobody who is told about a job has come back.
    Forsaken,
}

/// All timers, the earliest first. A job's timer is removed when it no longer matters, so their
/// number is bounded by that of the live jobs and lanes.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    jobs: BTreeSet<Timer>,
    leases: BTreeSet<(Time, LaneKey)>,
}

/// What is due.
pub(crate) enum Due {
    /// The timer of a job, by the job's key.
    Job(TimerKind, usize),
    /// The lease of a lane is to be looked at.
    Lease(LaneKey),
}

/// When, what, and for which job: its ticket, so that of those due at one time the oldest goes
/// first, and its key.
type Timer = (Time, TimerKind, Ticket, usize);

impl Timers {
    pub(crate) fn set(&mut self, at: Time, kind: TimerKind, ticket: Ticket, job: usize) {
        self.jobs.insert((at, kind, ticket, job));
    }

    pub(crate) fn clear(&mut self, at: Time, kind: TimerKind, ticket: Ticket, job: usize) {
        self.jobs.remove(&(at, kind, ticket, job));
    }

    /// The delayed jobs after one of them, or all, in the order in which they are due. Passes over
    /// other timers.
    pub(crate) fn due_after(
        &self,
        after: Option<(Time, Ticket)>,
    ) -> impl Iterator<Item = usize> + '_ {
        let start = match after {
            Some((at, ticket)) => Bound::Excluded((at, TimerKind::Due, ticket, usize::MAX)),
            None => Bound::Unbounded,
        };
        let timers = self.jobs.range((start, Bound::Unbounded));
        timers.filter(|(_, kind, ..)| *kind == TimerKind::Due).map(|(.., job)| *job)
    }

    pub(crate) fn set_lease(&mut self, at: Time, lane: LaneKey) {
        self.leases.insert((at, lane));
    }

    pub(crate) fn clear_lease(&mut self, at: Time, lane: LaneKey) {
        self.leases.remove(&(at, lane));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        let job = self.jobs.first().map(|(at, ..)| *at);
        let lease = self.leases.first().map(|(at, _)| *at);
        job.into_iter().chain(lease).min()
    }

    /// Takes out the first timer that is due. Of those of the same time, leases come first: what
    /// else is due must not go to a lane that is lost.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Due> {
        let at = self.next().filter(|at| *at <= now)?;
        if let Some((lease, lane)) = self.leases.first().copied()
            && lease == at
        {
            self.leases.pop_first();
            return Some(Due::Lease(lane));
        }
        let (_, kind, _, job) = self.jobs.pop_first()?;
        Some(Due::Job(kind, job))
    }
}

#[cfg(test)]
impl Timers {
    /// Timers of jobs, and of lanes.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.jobs.len(), self.leases.len())
    }
}
