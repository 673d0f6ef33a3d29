//! What the operator decides.

use std::time::Duration;

use acequia_wire::Limits;

/// The scheduler's settings.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What clients may do.
    pub limits: Limits,
    /// How long a worker that beats may be silent while it holds jobs before they are taken to be
    /// lost.
    pub lease: Duration,
    /// Where the jitter of retries starts from.
    pub seed: u64,
}

impl Config {
    /// How long a worker may be silent by default: thrice the pause between two beats of one that
    /// keeps the protocol.
    pub const LEASE: Duration = Duration::from_secs(15);
}

impl Default for Config {
    fn default() -> Self {
        Self { limits: Limits::default(), lease: Self::LEASE, seed: 0 }
    }
}
