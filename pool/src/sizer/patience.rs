//! How long a process may hang before another takes its place.

use std::time::Duration;

use super::facts::{Hang, Lane, LaneState, Time};

/// How long it may hold on to void runs, or be silent. A worker that ends a run that it cannot break off
/// has so long for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be without a lane: a server that was started anew hears of it again within that.
pub(super) const PATIENCE_GONE: Duration = Duration::from_secs(30);

/// Since when a process shows that it hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hanging {
    pub(super) why: Hang,
    since: Time,
    patience: Duration,
    /// The oldest void run of each lane that has any.
    oldest: Option<u64>,
}

impl Hanging {
    /// What its lanes show now, after what they showed before. `None` as long as all is well.
    pub(super) fn of(
        now: Time,
        lanes: &[Lane],
        was_ready: bool,
        before: Option<Self>,
    ) -> Option<Self> {
        let oldest = lanes.iter().filter_map(|lane| lane.void_since).min();
        let (why, patience) = if lanes.is_empty() {
            (was_ready.then_some(Hang::Gone)?, PATIENCE_GONE)
        } else if lanes.iter().all(|lane| lane.state == LaneState::Silent) {
            (Hang::Silent, PATIENCE)
        } else if lanes.iter().any(|lane| lane.void > 0) {
            (Hang::Void, PATIENCE)
        } else {
            return None;
        };
        let new = Self { why, since: now, patience, oldest };
        let Some(before) = before else { return Some(new) };
        // Void runs come and go where many are cancelled: what counts is that one of them stays.
        let is_another = (before.why, why) == (Hang::Void, Hang::Void) && before.oldest != oldest;
        if is_another {
            return Some(new);
        }
        // From the first sign on, whatever the next one is.
        Some(Self { since: before.since, patience: before.patience.min(patience), ..new })
    }

    /// Whether it has lasted for too long.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.since + self.patience <= now
    }
}
