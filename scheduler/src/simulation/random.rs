//! Numbers from a seed: splitmix64, the same on every machine.

use acequia_wire::JobId;

use crate::event::Hold;

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// A number from `low` to `high`.
    pub(super) fn within(&mut self, low: u32, high: u32) -> u32 {
        low + u32::try_from(self.next() % u64::from(high - low + 1)).unwrap()
    }

    /// Yes, so many times in a hundred.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.within(1, 100) <= chance
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Has a door tell of runs that are not as it says: of some twice, of some that nobody gave, of
    /// another attempt or with other chunks.
    pub(super) fn lie(&mut self, holds: &mut Vec<Hold>) {
        if !holds.is_empty() {
            let nth = self.below(holds.len());
            let mut hold = holds[nth];
            hold.attempt =
                self.pick(&[0, 1, hold.attempt, hold.attempt.saturating_add(1), u32::MAX]);
            hold.chunks = self.pick(&[0, hold.chunks, u32::MAX]);
            holds.insert(self.below(holds.len()), hold);
        }
        let job = JobId::from_bytes([254; 16]);
        holds.push(Hold { job, attempt: 1, chunks: 0 });
    }

    /// One of the keys of a map, if there is any.
    pub(super) fn key<K: Copy, V>(&mut self, of: &std::collections::BTreeMap<K, V>) -> Option<K> {
        if of.is_empty() {
            return None;
        }
        let nth = self.below(of.len());
        of.keys().nth(nth).copied()
    }
}
