//! How long a client has said nothing.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Looks at the clock twice in the time that a client may be silent. At the first look after
/// nothing was heard it is to be pinged, at the next it has been silent for too long: for that time
/// at least, and half as much again at most. So hearing it costs no look at the clock.
#[derive(Debug)]
pub(crate) struct Silence {
    half: Duration,
    next_look: Pin<Box<Sleep>>,
    /// It has said something since the last look.
    is_broken: bool,
    is_pinged: bool,
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
        let half = max / 2;
        let next_look = Box::pin(tokio::time::sleep(half));
        Self { half, next_look, is_broken: false, is_pinged: false }
    }

    /// The client says something.
    pub(crate) fn broken(&mut self) {
        self.is_broken = true;
    }

    /// Waits until the client has been silent for so long that something is to be done. May be
    /// cancelled.
    pub(crate) async fn grows(&mut self) -> Grown {
        loop {
            self.next_look.as_mut().await;
            self.next_look.as_mut().reset(Instant::now() + self.half);
            let was_pinged = std::mem::replace(&mut self.is_pinged, true);
            if std::mem::take(&mut self.is_broken) {
                self.is_pinged = false;
            } else {
                return if was_pinged { Grown::TooLong } else { Grown::Long };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_pinged_in_time_and_given_up_in_time() {
        let start = Instant::now();
        let mut silence = Silence::new(Duration::from_secs(20));
        assert_eq!(silence.grows().await, Grown::Long);
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(silence.grows().await, Grown::TooLong);
        assert_eq!(start.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_is_as_good_as_a_word() {
        let start = Instant::now();
        let mut silence = Silence::new(Duration::from_secs(20));
        for round in 1..4 {
            assert_eq!(silence.grows().await, Grown::Long);
            // The look after a word is in vain.
            assert_eq!(start.elapsed().as_secs(), 20 * round - 10);
            silence.broken();
        }
        assert_eq!(silence.grows().await, Grown::Long);
        assert_eq!(silence.grows().await, Grown::TooLong);
    }
}
