//! How many ops each client may send: a bucket for each, which a second fills; and one for those of
//! its sessions whose tokens allow fewer, so that they do not use up what the others have.

use std::time::Duration;

use acequia_scheduler::ClientId;
use acequia_wire::client::Refusal;
use acequia_wire::code::RejectCode;
use rustc_hash::FxHashMap;
use tokio::time::Instant;

/// Full buckets are forgotten when there are more buckets than that, and twice as many as there
/// were when they were last.
const BUCKETS_MIN: usize = 1_024;

/// The buckets of all clients that have sent anything lately. One that is not here is full.
#[derive(Debug)]
pub(crate) struct Rates {
    /// When each bucket will be full: by client, and by the rate that its token allows.
    full_at: FxHashMap<(ClientId, usize), Instant>,
    /// The rate of all clients.
    per_s: usize,
    clean_at: usize,
}

impl Rates {
    /// Each client may send so many.
    pub(crate) fn new(per_s: usize) -> Self {
        Self { full_at: FxHashMap::default(), per_s, clean_at: BUCKETS_MIN }
    }

    /// A client sends so many ops at once, of sessions that may send `per_s` in a second, and as many
    /// more that it has saved up in the second before. Returns how many of them it may, the first
    /// ones.
    pub(crate) fn take(
        &mut self,
        client: ClientId,
        ops: usize,
        per_s: usize,
        now: Instant,
    ) -> usize {
        let all = self.there(client, self.per_s, now);
        if per_s >= self.per_s {
            return self.draw(client, self.per_s, ops.min(all), now);
        }
        let taken = ops.min(all).min(self.there(client, per_s, now));
        self.draw(client, per_s, taken, now);
        self.draw(client, self.per_s, taken, now)
    }

    /// What is in a bucket.
    fn there(&self, client: ClientId, per_s: usize, now: Instant) -> usize {
        let full_at = self.full_at.get(&(client, per_s));
        let missing = full_at.map_or(Duration::ZERO, |full| full.saturating_duration_since(now));
        tokens(per_s, Duration::from_secs(1).saturating_sub(missing))
    }

    /// Takes from a bucket what is there.
    fn draw(&mut self, client: ClientId, per_s: usize, taken: usize, now: Instant) -> usize {
        let full_at = self.full_at.entry((client, per_s)).or_insert(now);
        *full_at = (*full_at).max(now) + time_of(per_s, taken);
        if self.full_at.len() >= self.clean_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.clean_at = (2 * self.full_at.len()).max(BUCKETS_MIN);
        }
        taken
    }
}

/// The refusal of an op that is one too many in its second.
pub(super) fn too_fast(ops_per_s: usize) -> Refusal {
    let message = format!("more than {ops_per_s} ops in a second, the limit; send more slowly");
    Refusal {
        // Then there is a second's worth of them again.
        retry_after_ms: Some(1_000),
        ..Refusal::new(RejectCode::RateLimited, message)
    }
}

/// The tokens that come in a time.
fn tokens(per_s: usize, time: Duration) -> usize {
    let tokens = time.as_nanos() * per_s as u128 / 1_000_000_000;
    usize::try_from(tokens).unwrap_or(usize::MAX)
}

/// The time in which so many tokens come, rounded up.
fn time_of(per_s: usize, tokens: usize) -> Duration {
    let nanos = (tokens as u128 * 1_000_000_000).div_ceil(per_s.max(1) as u128);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(1);
    const B: ClientId = ClientId(2);

    #[test]
    fn a_second_fills_a_bucket_and_no_more_is_saved_up() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut rates = Rates::new(10);
        assert_eq!(rates.take(A, 7, 10, now), 7);
        assert_eq!(rates.take(A, 7, 10, now), 3);
        assert_eq!(rates.take(A, 1, 10, at(99)), 0);
        assert_eq!(rates.take(A, 1, 10, at(100)), 1);
        assert_eq!(rates.take(B, 11, 10, at(100)), 10, "another client has its own");
        assert_eq!(rates.take(A, 100, 10, at(60_000)), 10);
        assert_eq!(rates.take(A, 100, 10, at(60_500)), 5);
    }

    #[test]
    fn sessions_with_a_small_token_leave_the_others_what_they_have() {
        let now = Instant::now();
        let mut rates = Rates::new(10_000);
        assert_eq!(rates.take(A, 1, 10, now), 1);
        assert_eq!(rates.take(A, 10_000, 10_000, now), 9_999);
        assert_eq!(rates.take(A, 5, 10, now), 0, "what the client has is used up");
        let later = now + Duration::from_secs(1);
        assert_eq!(rates.take(A, 20, 10, later), 10, "its token allows no more");
        assert_eq!(rates.take(A, 20_000, 10_000, later), 9_990);
    }

    #[test]
    fn a_bucket_that_is_full_is_forgotten() {
        let now = Instant::now();
        let mut rates = Rates::new(10);
        for client in 0..10 * BUCKETS_MIN as u64 {
            let at = now + Duration::from_millis(client);
            assert_eq!(rates.take(ClientId(client), 1, 10, at), 1);
        }
        assert!(rates.full_at.len() <= BUCKETS_MIN);
    }

    #[test]
    fn any_rate_is_one() {
        let now = Instant::now();
        assert_eq!(Rates::new(usize::MAX).take(A, 1 << 40, usize::MAX, now), 1 << 40);
        assert_eq!(Rates::new(1).take(A, 2, 1, now), 1);
    }
}
