//! How many processes were needed of late.

use std::collections::VecDeque;
use std::time::Duration;

use super::facts::Time;

/// The largest of the numbers of a while, whose end moves on with what is added.
#[derive(Debug)]
pub(super) struct Need {
    window: Duration,
    /// Each smaller than those before it: what is larger than an older one makes that one void.
    falling: VecDeque<(Time, usize)>,
}

impl Need {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, falling: VecDeque::new() }
    }

    pub(super) fn add(&mut self, now: Time, number: usize) {
        while self.falling.back().is_some_and(|(_, last)| *last <= number) {
            self.falling.pop_back();
        }
        self.falling.push_back((now, number));
        while self.falling.front().is_some_and(|(at, _)| *at + self.window < now) {
            self.falling.pop_front();
        }
    }

    pub(super) fn most(&self) -> usize {
        self.falling.front().map_or(0, |(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_and_falls_after_the_window() {
        let mut need = Need::new(Duration::from_secs(10));
        let mut most = |s, number| {
            need.add(Duration::from_secs(s), number);
            need.most()
        };
        assert_eq!(most(0, 1), 1);
        assert_eq!(most(1, 6), 6);
        assert_eq!(most(5, 3), 6);
        assert_eq!(most(11, 0), 6);
        assert_eq!(most(12, 0), 3);
        assert_eq!(most(15, 0), 3);
        assert_eq!(most(16, 0), 0);
    }
}
