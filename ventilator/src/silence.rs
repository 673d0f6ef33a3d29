//! How long a client has said nothing.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A silent client is pinged at least this often: what stands between, a proxy or a NAT, forgets
/// connections that are silent for 50 or 60 seconds.
const PING_MAX: Duration = Duration::from_secs(20);

/// Looks at the clock several times in the time that a client may be silent. At each look it is
/// pinged, unless it was heard since the last; when it has not been heard for as many looks as fit
/// into its time, it has been silent for too long. So hearing it costs no look at the clock.
#[derive(Debug)]
pub(crate) struct Silence {
    pause: Duration,
    /// Looks after the first in vain at which it is given up.
    looks: u32,
    next_look: Pin<Box<Sleep>>,
    /// It has said something since the last look.
    is_broken: bool,
    /// Looks in vain so far.
    in_vain: u32,
}

/// What a look at the clock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grown {
    /// The client is to be pinged.
    Long,
    /// It was, and has not answered.
    TooLong,
}

impl Silence {
    /// Of a client that may say nothing for `max`.
    pub(crate) fn new(max: Duration) -> Self {
        let pause = (max / 2).clamp(Duration::from_millis(1), PING_MAX);
        let looks = max.as_nanos().div_ceil(pause.as_nanos());
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        let next_look = Box::pin(tokio::time::sleep(pause));
        Self { pause, looks, next_look, is_broken: false, in_vain: 0 }
    }

    /// The client says something.
    pub(crate) fn broken(&mut self) {
        self.is_broken = true;
    }

    /// Waits until something is to be done about the silence of the client. May be cancelled.
    pub(crate) async fn grows(&mut self) -> Grown {
        self.next_look.as_mut().await;
        self.next_look.as_mut().reset(Instant::now() + self.pause);
        // The answer to the last ping is a word too, and is to be followed by a ping: a look that is
        // left out would double the time in which nothing passes.
        self.in_vain = if std::mem::take(&mut self.is_broken) { 0 } else { self.in_vain + 1 };
        if self.in_vain >= self.looks { Grown::TooLong } else { Grown::Long }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_pinged_in_time_and_given_up_in_time() {
        for (max, pings) in [(20, 1), (120, 5), (30, 1)] {
            let start = Instant::now();
            let mut silence = Silence::new(Duration::from_secs(max));
            for _ in 0..pings {
                assert_eq!(silence.grows().await, Grown::Long);
            }
            assert_eq!(silence.grows().await, Grown::TooLong);
            assert_eq!(start.elapsed().as_secs(), max);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_only_answers_pings_is_pinged_at_each_look() {
        let start = Instant::now();
        let mut silence = Silence::new(Duration::from_secs(120));
        for round in 1..9 {
            assert_eq!(silence.grows().await, Grown::Long);
            assert_eq!(start.elapsed().as_secs(), 20 * round);
            silence.broken();
        }
    }
}
