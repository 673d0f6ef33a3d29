//! How long to wait before the server is dialled again.

use std::time::Duration;

/// The longest first pause.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long the first attempt to connect may take. The socket tries a refused port again by
/// itself, in ever longer steps; short attempts keep the steps short.
const DIAL_MIN: Duration = Duration::from_secs(1);
/// How long any attempt to connect may take: also over a slow network it then succeeds.
const DIAL_MAX: Duration = Duration::from_secs(10);

/// Attempts since the last success.
#[derive(Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The connection came about and the server said `hello`.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait before the next attempt: anything from nothing to a ceiling that doubles,
    /// so that the workers of a server that restarts do not all come at one time.
    pub(crate) fn pause(&mut self) -> Duration {
        let ceiling = doubled(PAUSE_MIN, self.attempts, PAUSE_MAX);
        self.attempts = self.attempts.saturating_add(1);
        ceiling.mul_f64(fastrand::f64())
    }

    /// How long the next attempt may take.
    pub(crate) fn dial_time(&self) -> Duration {
        doubled(DIAL_MIN, self.attempts, DIAL_MAX)
    }
}

fn doubled(start: Duration, times: u32, max: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    start.saturating_mul(factor).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_ceiling() {
        for attempts in 0..100 {
            let mut backoff = Backoff { attempts };
            assert!(backoff.dial_time() >= DIAL_MIN && backoff.dial_time() <= DIAL_MAX);
            let pause = backoff.pause();
            assert!(pause <= PAUSE_MAX && (attempts > 0 || pause <= PAUSE_MIN), "{pause:?}");
        }
    }
}
