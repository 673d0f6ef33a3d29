//! When there is something to say of a job of which nothing is heard.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long nothing may be heard until that is said.
const FIRST: Duration = Duration::from_secs(1);
/// And then after so many times as long.
const FACTOR: u32 = 10;

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// The server's word that it took it.
    Acceptance,
    /// A worker.
    Start,
    /// Nothing: it runs.
    Nothing,
}

/// What the job waits for, and since when.
pub(crate) struct Waiting {
    what: For,
    since: Instant,
    due: Instant,
}

impl Waiting {
    /// It waits for this once `delay` has passed.
    pub(crate) fn new(what: For, delay: Duration) -> Self {
        let since = Instant::now() + delay;
        Self { what, since, due: since + FIRST }
    }

    /// Resolves when it has waited for long: for what, and for how long. May be cancelled.
    pub(crate) async fn long(&mut self) -> (For, Duration) {
        if self.what == For::Nothing {
            std::future::pending::<()>().await;
        }
        sleep_until(self.due).await;
        let waited = self.due - self.since;
        self.due = self.since + waited * FACTOR;
        (self.what, waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_soon_and_then_ever_more_seldom() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(For::Start, Duration::from_secs(5));
        for waited in [1, 10, 100] {
            assert_eq!(waiting.long().await, (For::Start, Duration::from_secs(waited)));
            assert_eq!(begun.elapsed().as_secs(), 5 + waited);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_waits_for_nothing() {
        let mut waiting = Waiting::new(For::Nothing, Duration::ZERO);
        let said = tokio::time::timeout(Duration::from_secs(1_000_000), waiting.long()).await;
        assert!(said.is_err());
    }
}
