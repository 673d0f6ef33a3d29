//! What is due when. A job has at most one timer of each kind, a lane one.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

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
    lanes: BTreeSet<(Time, LaneKey)>,
    /// When the wait for adoption is over, if it is not yet.
    pub(crate) adoption: Option<Time>,
}

/// What is due.
pub(crate) enum Due {
    /// The timer of a job, by the job's key.
    Job(TimerKind, usize),
    /// A lane is to be looked at.
    Lane(LaneKey),
    /// The wait for workers that hold jobs from before a takeover is over.
    Adoption,
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

    /// Has all timers of a kind due so much later. Returns the jobs and those times.
    /// Passes over all timers.
    pub(crate) fn defer(&mut self, kind: TimerKind, by: Duration) -> Vec<(usize, Time)> {
        let of_kind = self.jobs.iter().filter(|(_, of, ..)| *of == kind);
        let early: Vec<Timer> = of_kind.copied().collect();
        let defer = |(at, kind, ticket, job): Timer| {
            self.jobs.remove(&(at, kind, ticket, job));
            self.jobs.insert((at + by, kind, ticket, job));
            (job, at + by)
        };
        early.into_iter().map(defer).collect()
    }

    pub(crate) fn set_look(&mut self, at: Time, lane: LaneKey) {
        self.lanes.insert((at, lane));
    }

    pub(crate) fn clear_look(&mut self, at: Time, lane: LaneKey) {
        self.lanes.remove(&(at, lane));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        let job = self.jobs.first().map(|(at, ..)| *at);
        let lane = self.lanes.first().map(|(at, _)| *at);
        job.into_iter().chain(lane).chain(self.adoption).min()
    }

    /// Takes out the first timer that is due. Of those of the same time, lanes come first: what
    /// else is due must not go to a lane that is lost. Then come those that wait for adoption, which
    /// are older than what else is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Due> {
        let at = self.next().filter(|at| *at <= now)?;
        if let Some((look, lane)) = self.lanes.first().copied()
            && look == at
        {
            self.lanes.pop_first();
            return Some(Due::Lane(lane));
        }
        if self.adoption == Some(at) {
            self.adoption = None;
            return Some(Due::Adoption);
        }
        let (_, kind, _, job) = self.jobs.pop_first()?;
        Some(Due::Job(kind, job))
    }
}

#[cfg(test)]
impl Timers {
    /// Timers of jobs, and of lanes; that of adoption is neither's.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.jobs.len(), self.lanes.len())
    }
}
