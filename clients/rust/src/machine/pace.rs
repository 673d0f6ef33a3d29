//! No more ops in a second than the server takes: what it refuses is work for both, and comes late.

use super::time::Ms;

/// So long at least between two helpings of what had to wait.
const HELPING_MS: Ms = 50;
/// A refusal says no more than the one before it, if it comes so soon after that.
const REFUSED_MS: Ms = 1_000;

/// Ops that may go out now.
#[derive(Debug)]
pub(super) struct Pace {
    per_s: f64,
    left: f64,
    at: Ms,
    refused_at: Option<Ms>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { per_s: 1.0, left: 0.0, at: 0, refused_at: None }
    }

    /// A connection begins, and its greeting counted.
    #[expect(clippy::cast_precision_loss, reason = "a measure")]
    pub(super) fn begin(&mut self, per_s: usize, now: Ms) {
        let per_s = per_s.max(1) as f64;
        *self = Self { per_s, left: per_s - 1.0, at: now, refused_at: None };
    }

    /// How many ops may go now.
    #[expect(clippy::cast_precision_loss, reason = "a measure")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    pub(super) fn allowed(&mut self, now: Ms) -> usize {
        let passed = now.saturating_sub(self.at) as f64 / 1_000.0;
        self.left = (self.left + passed * self.per_s).min(self.per_s);
        self.at = now;
        // A second's worth is a second's worth.
        (self.left + 1e-6).max(0.0) as usize
    }

    #[expect(clippy::cast_precision_loss, reason = "a measure")]
    pub(super) fn spend(&mut self, ops: usize) {
        self.left -= ops as f64;
    }

    /// The server has others of this client to serve too: all of them together are too fast.
    pub(super) fn refused(&mut self, now: Ms) {
        if self.refused_at.is_some_and(|at| now < at + REFUSED_MS) {
            return;
        }
        self.refused_at = Some(now);
        self.per_s = (self.per_s / 2.0).max(1.0);
        self.left = self.left.min(0.0);
    }

    /// Until more may go.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    pub(super) fn wait(&self) -> Ms {
        let ms = ((1.0 - self.left) / self.per_s * 1_000.0).ceil().max(0.0) as Ms;
        ms.max(HELPING_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_may_be_saved_up_and_no_more() {
        let mut pace = Pace::new();
        pace.begin(100, 0);
        assert_eq!(pace.allowed(0), 99);
        pace.spend(99);
        assert_eq!((pace.allowed(0), pace.wait()), (0, HELPING_MS));
        assert_eq!(pace.allowed(500), 50);
        assert_eq!(pace.allowed(60_000), 100);
    }

    #[test]
    fn a_refusal_halves_it_once_in_a_second() {
        let mut pace = Pace::new();
        pace.begin(100, 0);
        (0..10).for_each(|_| pace.refused(0));
        assert_eq!((pace.allowed(0), pace.allowed(1_000)), (0, 50));
        (0..100).for_each(|n| pace.refused(1_000 + n * 1_000));
        assert!(pace.wait() <= 1_000 && pace.allowed(200_000) == 1);
    }
}
