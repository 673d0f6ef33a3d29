//! How long to wait before the next dial.

use super::time::Ms;

/// The first pause is at most so long.
const MIN_MS: Ms = 250;
/// And the longest.
const MAX_MS: Ms = 15_000;
/// No server can ask to be dialled later than that.
const ASKED_MS_MAX: Ms = 600_000;

/// Doubles, with jitter, up to a limit.
#[derive(Debug)]
pub(super) struct Backoff {
    count: u32,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { count: 0, random: fastrand::Rng::with_seed(seed) }
    }

    /// The server was reached, and stayed.
    pub(super) fn reset(&mut self) {
        self.count = 0;
    }

    /// How long to wait, where the server may have `asked` for a time. It spreads the return of its clients,
    /// so the first pause is just that.
    pub(super) fn next(&mut self, asked: Option<Ms>) -> Ms {
        let limit = MIN_MS.saturating_mul(1 << self.count.min(16)).min(MAX_MS);
        self.count += 1;
        // Half of it is random, so that the clients of a restarted server do not return as one.
        let own = limit / 2 + self.random.u64(0..=limit / 2);
        match asked.map(|asked| asked.min(ASKED_MS_MAX)) {
            None => own,
            Some(asked) if self.count == 1 => asked,
            Some(asked) => asked.max(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_are_never_short() {
        let mut backoff = Backoff::new(1);
        let mut limit = MIN_MS;
        for _ in 0..100 {
            let pause = backoff.next(None);
            assert!((limit / 2..=limit).contains(&pause), "{pause} of {limit}");
            limit = (limit * 2).min(MAX_MS);
        }
        backoff.reset();
        assert!(backoff.next(None) <= MIN_MS);
    }

    #[test]
    fn a_server_says_when_it_wants_its_client_back() {
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.next(Some(7)), 7);
        // It does not come: then the own pauses are the least.
        assert!(backoff.next(Some(7)) >= MIN_MS);
        assert_eq!(backoff.next(Some(60_000)), 60_000);
        assert_eq!(backoff.next(Some(u64::MAX)), ASKED_MS_MAX);
    }
}
