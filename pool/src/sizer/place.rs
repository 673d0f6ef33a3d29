//! A place for a process, and when the next may take it.

use std::time::Duration;

use super::facts::{STEADY, Time};

/// The pause after the first process that failed; doubled with each further one.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// One that ends as soon as this is not replaced at once, however well it ended.
const SHORT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Place {
    /// Processes in a row that failed.
    failures: u32,
    not_before: Time,
}

impl Place {
    pub(super) fn may_start(&self, now: Time) -> bool {
        self.not_before <= now
    }

    pub(super) fn ended(&mut self, now: Time, lived: Duration, well: bool) {
        if well || lived >= STEADY {
            self.failures = 0;
        }
        let pause = if well {
            if lived < SHORT { PAUSE } else { Duration::ZERO }
        } else {
            let factor = 2_u32.saturating_pow(self.failures);
            self.failures += 1;
            PAUSE.saturating_mul(factor).min(PAUSE_MAX)
        };
        self.not_before = now + pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_after(place: &mut Place, lived: Duration, well: bool) -> Duration {
        let now = Duration::from_secs(1_000);
        place.ended(now, lived, well);
        place.not_before - now
    }

    #[test]
    fn pauses_grow_with_failures_and_begin_anew_after_a_good_while() {
        let mut place = Place::default();
        let mut failed = |lived| pause_after(&mut place, lived, false).as_millis();
        assert_eq!([(); 4].map(|()| failed(SHORT)), [100, 200, 400, 800]);
        assert_eq!([(); 40].map(|()| failed(SHORT))[39], 30_000);
        assert_eq!([STEADY, SHORT].map(failed), [100, 200]);
    }

    #[test]
    fn who_ends_well_is_replaced_at_once_but_not_without_end() {
        let mut place = Place::default();
        assert_eq!(pause_after(&mut place, SHORT, true), Duration::ZERO);
        assert_eq!(pause_after(&mut place, SHORT / 2, true), PAUSE);
        assert_eq!(pause_after(&mut place, SHORT / 2, true), PAUSE);
    }
}
