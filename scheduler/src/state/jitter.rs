//! Retries do not all come at once.

/// Spreads retries, the same way from the same seed. Nobody can gain by guessing it.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that the generator cannot leave.
        Self(seed | 1)
    }

    /// `ms`, a quarter more or less.
    pub(crate) fn spread(&mut self, ms: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let quarter = u64::from(ms / 4);
        let by = self.0 % (2 * quarter + 1);
        u32::try_from(u64::from(ms) - quarter + by).unwrap_or(u32::MAX)
    }

    /// The most that `ms` can be spread to.
    pub(crate) const fn most(ms: u32) -> u32 {
        ms.saturating_add(ms / 4)
    }
}
