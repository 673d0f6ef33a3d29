//! The time that all in a journal is stamped with and ages by.
//!
//! It goes on from server to server and never leaps: neither when the clock of the system is set,
//! by hand or by NTP, while a server runs or while none does, nor when the system sleeps, which
//! counts. Only where the system was booted between two servers is there nothing to go by but its
//! clock, and if that was set back meanwhile, no time has passed.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// Milliseconds that the clock of the system may go apart from the time since the boot before that
/// is written down: NTP does so all the time, a little.
const APART_MS: u64 = 10_000;

/// What the clocks of the system say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Milliseconds since 1970. Somebody may set it.
    pub(crate) wall_ms: u64,
    /// Milliseconds since the system was booted, also those in which it slept.
    pub(crate) boot_ms: u64,
    /// Which boot that was; 0 where the system does not tell.
    pub(crate) boot: u64,
}

/// Reads the clocks of the system.
pub(crate) type Clocks = Arc<dyn Fn() -> Reading + Send + Sync>;

/// A moment: in the journal's time, and by the clocks of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time_ms: u64,
    pub(crate) reading: Reading,
}

impl Stamp {
    /// The journal's time at a later reading.
    fn time_at(&self, now: Reading) -> u64 {
        let then = self.reading;
        let is_same_boot = then.boot == now.boot && then.boot != 0;
        let passed = if is_same_boot { now.boot_ms.checked_sub(then.boot_ms) } else { None };
        // A container may count from another boot than the system has.
        self.time_ms + passed.unwrap_or_else(|| now.wall_ms.saturating_sub(then.wall_ms))
    }

    /// Whether the clock of the system was set in between.
    pub(crate) fn is_apart_from(&self, later: &Self) -> bool {
        let wall_ms = later.reading.wall_ms.cast_signed() - self.reading.wall_ms.cast_signed();
        let passed_ms = later.time_ms.cast_signed() - self.time_ms.cast_signed();
        wall_ms.abs_diff(passed_ms) > APART_MS
    }
}

/// Tells the journal's time.
#[derive(Clone)]
pub struct Clock {
    clocks: Clocks,
    start: Stamp,
}

impl Clock {
    /// Goes on from the last moment that is known, if one is; else it begins at that of the system.
    pub(crate) fn go_on(last: Option<Stamp>, clocks: Clocks) -> Self {
        let reading = clocks();
        let time_ms = last.map_or(reading.wall_ms, |last| last.time_at(reading));
        Self { start: Stamp { time_ms, reading }, clocks }
    }

    /// Goes by a time that somebody else has told, when the system was booted for so long.
    pub(crate) fn told(time_ms: u64, boot_ms: u64, clocks: Clocks) -> Self {
        let reading = Reading { boot_ms, ..clocks() };
        Self { start: Stamp { time_ms, reading }, clocks }
    }

    /// Milliseconds of the journal's time. They began as those since 1970, and are still about
    /// those if nobody has set the clock of the system since.
    pub fn now_ms(&self) -> u64 {
        self.stamp().time_ms
    }

    pub(crate) fn stamp(&self) -> Stamp {
        let reading = (self.clocks)();
        // While a server runs, the boot is the same, whether the system tells it or not.
        let passed_ms = reading.boot_ms.saturating_sub(self.start.reading.boot_ms);
        Stamp { time_ms: self.start.time_ms + passed_ms, reading }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("start", &self.start).finish_non_exhaustive()
    }
}

/// The clocks of this system.
pub(crate) fn of_system() -> Clocks {
    let boot = boot();
    Arc::new(move || {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Reading { wall_ms, boot_ms: boot_ms(), boot }
    })
}

/// Milliseconds since the system was booted, also those in which it slept.
pub(crate) fn boot_ms() -> u64 {
    #[cfg(target_os = "linux")]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    // It stands still while the system sleeps.
    #[cfg(not(target_os = "linux"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(CLOCK);
    let s = u64::try_from(time.tv_sec).unwrap_or(0);
    s * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Which boot this is: the first half of the number that Linux gives it.
fn boot() -> u64 {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(wall_ms: u64, boot_ms: u64, boot: u64) -> Reading {
        Reading { wall_ms, boot_ms, boot }
    }

    /// The journal's time of a server that starts at the second reading, if the one before it last
    /// wrote at the first, at 1,000.
    fn after(before: Reading, now: Reading) -> u64 {
        let last = Stamp { time_ms: 1_000, reading: before };
        Clock::go_on(Some(last), Arc::new(move || now)).now_ms()
    }

    #[test]
    fn it_begins_as_that_of_the_system() {
        let clock = Clock::go_on(None, Arc::new(|| at(5_000, 70, 1)));
        assert_eq!(clock.now_ms(), 5_000);
    }

    #[test]
    fn between_two_servers_it_goes_by_the_time_since_the_boot() {
        for set_to in [0, 500, 5_000, 9_000_000] {
            assert_eq!(after(at(5_000, 70, 1), at(set_to, 100, 1)), 1_030, "set to {set_to}");
        }
    }

    #[test]
    fn after_another_boot_it_goes_by_the_clock_of_the_system_but_never_back() {
        assert_eq!(after(at(5_000, 70, 1), at(5_900, 10, 2)), 1_900);
        assert_eq!(after(at(5_000, 70, 1), at(4_000, 10, 2)), 1_000);
        assert_eq!(after(at(5_000, 70, 1), at(5_900, 10, 1)), 1_900, "another machine's");
        assert_eq!(after(at(5_000, 70, 0), at(5_900, 90, 0)), 1_900, "no boot is told");
    }

    #[test]
    fn while_a_server_runs_it_takes_no_part_in_leaps_and_notices_them() {
        use std::sync::atomic::{AtomicU64, Ordering};
        let (wall, boot) = (Arc::new(AtomicU64::new(50_000)), Arc::new(AtomicU64::new(0)));
        let clocks = {
            let (wall, boot) = (wall.clone(), boot.clone());
            Arc::new(move || at(wall.load(Ordering::Relaxed), boot.load(Ordering::Relaxed), 1))
        };
        let clock = Clock::go_on(None, clocks);
        let start = clock.stamp();
        let look = |wall_ms, boot_ms| {
            wall.store(wall_ms, Ordering::Relaxed);
            boot.store(boot_ms, Ordering::Relaxed);
            (clock.now_ms(), start.is_apart_from(&clock.stamp()))
        };
        assert_eq!(look(50_030, 30), (50_030, false));
        assert_eq!(look(55_000, 40), (50_040, false), "a little apart");
        assert_eq!(look(7_250_000, 50), (50_050, true), "set forward");
        assert_eq!(look(0, 60), (50_060, true), "set back");
        // A system that slept is not one whose clock was set.
        assert_eq!(look(7_250_000, 7_200_000), (7_250_000, false));
    }

    #[test]
    fn the_system_has_such_clocks() {
        let clocks = of_system();
        let (first, second) = (clocks(), clocks());
        assert!(first.wall_ms > 1_600_000_000_000, "it counts from 1970");
        assert!(first.boot_ms > 0 && second.boot_ms >= first.boot_ms);
        assert_eq!(first.boot, second.boot);
    }
}
