//! What is due when. A job has at most one timer of each kind.

use std::collections::BTreeSet;

use crate::event::Ticket;
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
}

/// All timers, the earliest first. A timer is removed when it no longer matters, so their number
/// is bounded by that of the live jobs.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeSet<Timer>,
}

/// When, what, and for which job: its ticket, so that of those due at one time the oldest goes
/// first, and its key.
type Timer = (Time, TimerKind, Ticket, usize);

impl Timers {
    pub(crate) fn set(&mut self, at: Time, kind: TimerKind, ticket: Ticket, job: usize) {
        self.set.insert((at, kind, ticket, job));
    }

    pub(crate) fn clear(&mut self, at: Time, kind: TimerKind, ticket: Ticket, job: usize) {
        self.set.remove(&(at, kind, ticket, job));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.set.first().map(|(at, ..)| *at)
    }

    /// Takes out a timer that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(TimerKind, usize)> {
        let (at, kind, _, job) = *self.set.first()?;
        if at > now {
            return None;
        }
        self.set.pop_first();
        Some((kind, job))
    }
}

#[cfg(test)]
impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }
}
