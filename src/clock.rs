//! The scheduler's time.

use std::time::{Duration, SystemTime};

use acequia_scheduler::Time;
use tokio::time::Instant;

/// Counts from 1970, so that times in the journal mean the same to the next server; but goes by
/// the monotonic clock from the start on, so that it never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_time: Time,
}

impl Clock {
    /// A clock that is right now.
    pub(crate) fn start() -> Self {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { start: Instant::now(), start_time: Time::default() + since_1970 }
    }

    /// The time when the clock was started.
    pub(crate) fn start_time(&self) -> Time {
        self.start_time
    }

    pub(crate) fn time_of(&self, instant: Instant) -> Time {
        self.start_time + instant.saturating_duration_since(self.start)
    }

    /// When it will be `time`; the start if that is past.
    pub(crate) fn instant_of(&self, time: Time) -> Instant {
        let after: Duration = time - self.start_time;
        self.start.checked_add(after).unwrap_or(self.start + FAR)
    }
}

/// A year: later than anything is due.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_instants_are_the_same_moments() {
        let clock = Clock::start();
        assert!(clock.start_time() > Time::from_millis(1_600_000_000_000), "it counts from 1970");
        let instant = clock.start + Duration::from_millis(1_500);
        let time = clock.start_time() + Duration::from_millis(1_500);
        assert_eq!((clock.time_of(instant), clock.instant_of(time)), (time, instant));
        assert_eq!(clock.instant_of(Time::default()), clock.start, "what is past is due at once");
        clock.instant_of(Time::from_millis(u64::MAX));
    }
}
