//! What a loop does that cannot accept connections.

use std::io;
use std::time::{Duration, Instant};

use crate::seldom::{LeftOut, Seldom};

/// How long a loop waits after the first failure in a row.
pub const PAUSE_MIN: Duration = Duration::from_millis(50);
/// How long it waits at most: so soon it is well again once there are files.
pub const PAUSE_MAX: Duration = Duration::from_secs(1);

const LINE_EVERY: Duration = Duration::from_secs(60);

/// The failures of one loop around accept(2): each in a row makes it wait twice as long, and one a
/// minute is logged.
#[derive(Debug)]
pub struct AcceptFailures {
    next_pause: Duration,
    lines: Seldom<()>,
}

/// What a loop does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Waits so long before it tries again.
    pub pause: Duration,
    /// Logs it, with this behind it.
    pub line: Option<LeftOut>,
}

impl Default for AcceptFailures {
    fn default() -> Self {
        Self { next_pause: PAUSE_MIN, lines: Seldom::new(LINE_EVERY, 1) }
    }
}

impl AcceptFailures {
    /// Accept(2) failed. `None`: by the fault of one who went before he was accepted, which is no
    /// reason to wait. Anything else, most often a lack of open files, would fail again at once and
    /// for as long as it lasts.
    pub fn failed(&mut self, error: &io::Error, now: Instant) -> Option<Held> {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        let of_the_peer = matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
        );
        (!of_the_peer).then(|| self.out_of_resources(now))
    }

    /// A connection was accepted and there is no room for what it needs: to accept more would only
    /// turn more away.
    pub fn out_of_resources(&mut self, now: Instant) -> Held {
        let pause = self.next_pause;
        self.next_pause = (pause * 2).min(PAUSE_MAX);
        Held { pause, line: self.lines.line((), now) }
    }

    /// All went well.
    pub fn succeeded(&mut self) {
        self.next_pause = PAUSE_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_files() -> io::Error {
        io::Error::from_raw_os_error(24)
    }

    #[test]
    fn a_minute_without_files_is_few_tries_and_one_line() {
        let (start, mut failures) = (Instant::now(), AcceptFailures::default());
        let (mut now, mut tries, mut lines) = (start, 0, 0);
        while now < start + LINE_EVERY {
            let held = failures.failed(&no_files(), now).expect("a pause");
            (tries, lines) = (tries + 1, lines + usize::from(held.line.is_some()));
            now += held.pause;
        }
        assert!((60..70).contains(&tries), "{tries}");
        assert_eq!(lines, 1);
        let told = failures.failed(&no_files(), now).and_then(|held| held.line);
        assert_eq!(told.map(|left_out| left_out.alike), Some(tries - 1));
    }

    #[test]
    fn after_a_success_the_next_pause_is_short_again() {
        let (now, mut failures) = (Instant::now(), AcceptFailures::default());
        for _ in 0..10 {
            failures.failed(&no_files(), now);
        }
        assert_eq!(failures.failed(&no_files(), now).map(|held| held.pause), Some(PAUSE_MAX));
        failures.succeeded();
        assert_eq!(failures.failed(&no_files(), now).map(|held| held.pause), Some(PAUSE_MIN));
    }

    #[test]
    fn one_who_went_before_he_was_accepted_is_no_reason_to_wait() {
        let mut failures = AcceptFailures::default();
        let gone = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(failures.failed(&gone, Instant::now()), None);
    }
}
