//! The time as the scheduler is told it.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since an epoch that the caller chose and keeps to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// The time so many microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// How many microseconds after the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time so many milliseconds after the epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// How many whole milliseconds after the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The time `ms` milliseconds after this.
    #[must_use]
    pub(crate) fn plus_ms(self, ms: u32) -> Self {
        Self(self.0.saturating_add(u64::from(ms) * 1000))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// How long ago `earlier` was; nothing, if it was not.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
