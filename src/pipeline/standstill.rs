//! Notices that nobody listened: the process was stopped, its machine was paused, or it had no time.

use std::time::Duration;

use tokio::time::Instant;

/// How often the pipeline looks at the clock at least.
const LOOK: Duration = Duration::from_secs(1);
/// What is longer than this between two looks is a standstill. Less is what a busy machine may take,
/// and shorter than any lease.
const STANDSTILL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Watch {
    looked: Instant,
}

impl Watch {
    pub(crate) fn new(now: Instant) -> Self {
        Self { looked: now }
    }

    /// When the next look is due at the latest.
    pub(crate) fn due(&self) -> Instant {
        self.looked + LOOK
    }

    /// For how long nobody has listened until now, if that was a standstill.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Duration> {
        let gap = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        (gap > STANDSTILL).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_more_than_a_late_look() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        assert_eq!(watch.due(), start + LOOK);
        assert_eq!(watch.look(start + STANDSTILL), None);
        let later = start + STANDSTILL + Duration::from_secs(20);
        assert_eq!(watch.look(later), Some(Duration::from_secs(20)));
        assert_eq!(watch.look(later), None);
        assert_eq!(watch.due(), later + LOOK);
    }
}
