//! Whether the disk still answers.

use std::time::Duration;

use tokio::time::Instant;

/// How often it is looked whether a group that was handed over is on the disk.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// So many looks at a group that is not there are too many. They are counted, not timed: a server
/// that was stopped itself, and its disk with it, has not looked.
const LOOKS_MAX: u32 = 5;

/// Watches a disk that may neither do what it is asked nor fail.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// When it is looked again, and the looks so far, while a group is on its way.
    next: Option<(Instant, u32)>,
}

impl Silence {
    /// A group was handed over.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next = Some((now + LOOK_INTERVAL, 0));
    }

    /// The disk has answered. Returns whether it had been silent for too long.
    pub(super) fn end(&mut self) -> bool {
        let was_too_long = self.is_too_long();
        self.next = None;
        was_too_long
    }

    /// When to look.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next.map(|(due, _)| due).filter(|_| !self.is_too_long())
    }

    /// Looks, if that is due. Returns whether it is from now on that it is too long.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if self.due().is_none_or(|due| due > now) {
            return false;
        }
        let looks = self.next.map_or(0, |(_, looks)| looks) + 1;
        self.next = Some((now + LOOK_INTERVAL, looks));
        self.is_too_long()
    }

    /// Whether the disk has been silent for too long.
    pub(super) fn is_too_long(&self) -> bool {
        self.next.is_some_and(|(_, looks)| looks >= LOOKS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_silent_for_too_long_after_five_looks() {
        let (mut silence, mut now) = (Silence::default(), Instant::now());
        assert_eq!(silence.due(), None, "nobody asked it");
        silence.begin(now);
        for _ in 0..LOOKS_MAX - 1 {
            assert!(!silence.look(now), "not due");
            now = silence.due().expect("it is watched");
            assert!(!silence.look(now));
        }
        assert!(!silence.is_too_long());
        now = silence.due().expect("it is watched");
        assert!(silence.look(now), "it is said once");
        assert!(silence.is_too_long() && silence.due().is_none());
        assert!(!silence.look(now + LOOK_INTERVAL));
        assert!(silence.end() && !silence.is_too_long());
        assert!(!silence.end());
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let (mut silence, now) = (Silence::default(), Instant::now());
        silence.begin(now);
        assert!(!silence.look(now + Duration::from_secs(3_600)));
        assert!(!silence.is_too_long());
    }
}
