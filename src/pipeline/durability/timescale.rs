//! The scheduler's time and the journal's.
//!
//! The scheduler's begins anew with each server, at what the clock of the system says then, so that
//! people can read it. The journal's goes on. What is written is a moment in the journal's time, as
//! far from now as it is in the scheduler's, and back again: so a step of the system's clock, or a
//! sleep of the system, makes nothing older or younger.

use acequia_scheduler::Time;
use tokio::time::Instant;

use crate::clock::Clock;

/// How far the one time is ahead of the other, at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    /// Milliseconds of the journal's time less those of the scheduler's.
    ahead_ms: i64,
}

impl Shift {
    fn between(scheduler: Time, journal_ms: u64) -> Self {
        Self {
            ahead_ms: journal_ms.cast_signed().wrapping_sub(scheduler.as_millis().cast_signed()),
        }
    }

    /// A moment in the journal's time. Never 0, which there is no moment.
    pub(super) fn kept(self, time: Time) -> u64 {
        time.as_millis().saturating_add_signed(self.ahead_ms).max(1)
    }

    /// A moment of the journal's time.
    pub(super) fn recovered(self, kept_ms: u64) -> Time {
        Time::from_millis(kept_ms.saturating_add_signed(self.ahead_ms.saturating_neg()))
    }
}

/// Both times.
#[derive(Debug)]
pub(super) struct Timescale {
    scheduler: Clock,
    journal: acequia_journal::Clock,
    /// What was found last, and when: within one pass it is looked up once.
    last: (Instant, Shift),
}

impl Timescale {
    pub(super) fn new(scheduler: Clock, journal: acequia_journal::Clock) -> Self {
        let now = Instant::now();
        let shift = Shift::between(scheduler.time_of(now), journal.now_ms());
        Self { scheduler, journal, last: (now, shift) }
    }

    /// How far the one is ahead of the other, by `now`, which is about now.
    pub(super) fn shift(&mut self, now: Instant) -> Shift {
        if self.last.0 != now {
            let shift = Shift::between(self.scheduler.time_of(now), self.journal.now_ms());
            self.last = (now, shift);
        }
        self.last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_as_far_from_now_when_it_is_read() {
        let at = Time::from_millis;
        // The clock of the system was right, then set two hours ahead, then back.
        let (written, read_ahead) =
            (Shift::between(at(50_000), 50_000), Shift::between(at(7_250_300), 50_300));
        assert_eq!(read_ahead.recovered(written.kept(at(49_000))), at(7_249_000), "1.3 s ago");
        assert_eq!(read_ahead.recovered(written.kept(at(60_300))), at(7_260_300), "in 10 s");
        let read_back = Shift::between(at(300), 50_300);
        assert_eq!(read_back.recovered(written.kept(at(60_300))), at(10_300), "in 10 s");
        // What was before the beginning of time is as old as anything can be.
        assert_eq!(read_back.recovered(1), Time::default());
        assert_eq!(written.kept(Time::default()), 1);
        assert_eq!(Shift::default().kept(at(5)), 5);
    }
}
